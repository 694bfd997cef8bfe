"""PING of a Valkey server, without a client library: the supervisor pings every two seconds and keeps its memory."""

import socket

from app.ops.embedded.ports import LOOPBACK

CONNECT_WITHIN = 2.0  # seconds
ANSWER_WITHIN = 5.0

LOADING = "-LOADING"  # error while the server reads its append-only file


def ping(port: int, password: str) -> str:
    """Return the reply to PING: `+PONG`, or an error that begins with `-`.

    Raises OSError (when no server with this password answers).
    """
    with socket.create_connection((LOOPBACK, port), CONNECT_WITHIN) as connection:
        connection.settimeout(ANSWER_WITHIN)
        connection.sendall(_command("AUTH", password) + _command("PING"))
        with connection.makefile("rb") as replies:
            signed_in, reply = replies.readline(), replies.readline()
    if not signed_in.startswith(b"+") or not reply.endswith(b"\r\n"):
        raise ConnectionError(f"the server of port {port} is not ours, or has ended")
    return reply.decode(errors="replace").rstrip()


def _command(*words: str) -> bytes:
    """Return a command in the protocol of Valkey: an array of strings, each with its length in bytes."""
    encoded = [word.encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)

"""Hand the socket of a call over to the process that writes the streams.

A worker of the API has few threads, so it must not hold a stream. The socket goes to the part `stream` over a Unix
socket (SCM_RIGHTS). In this process, another socket takes the place of its descriptor: gunicorn writes to that one,
gets EPIPE, and closes it. So it neither writes to the client nor shuts the connection down. This needs no private
part of gunicorn.
"""

import os
import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import Final
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Response, request
from werkzeug.wsgi import ClosingIterator

from app.core.live_events.caller import ACCEPTED, FULL, PATIENCE, StreamCaller, socket_path
from app.errors import TooManyRequests
from app.http.problems import Unavailable

GUNICORN_SOCKET: Final = "gunicorn.socket"  # key in the WSGI environment
MEDIA_TYPE: Final = "text/event-stream"
SECONDS_UNTIL_RETRY: Final = 15


class LiveUpdatesUnavailable(Unavailable):
    """Live updates are not available. Load the data again from time to time."""

    retry_after = SECONDS_UNTIL_RETRY


class TooManyStreams(TooManyRequests):
    """You have too many open streams. Close one first."""

    def __init__(self) -> None:
        super().__init__(SECONDS_UNTIL_RETRY, self.title())


def reserve(caller: StreamCaller) -> socket.socket:
    """Ask the stream process to accept this caller. Returns the connection, for `HandedOver`.

    Raises LiveUpdatesUnavailable, TooManyStreams.
    """
    if type(request.environ.get(GUNICORN_SOCKET)) is not socket.socket:  # a TLS socket has state in this process
        raise LiveUpdatesUnavailable("This server cannot hand over connections: run the API with gunicorn.")
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(PATIENCE)
        connection.connect(socket_path())
        connection.sendall(caller.to_line())
        answer = connection.recv(len(ACCEPTED))
    except OSError:
        connection.close()
        raise LiveUpdatesUnavailable("The process that writes the streams does not answer.") from None
    if answer != ACCEPTED:
        connection.close()
        raise TooManyStreams if answer == FULL else LiveUpdatesUnavailable
    return connection


class HandedOver(Response):
    """A response that the stream process writes. Its headers are final when the server calls it."""

    default_mimetype = MEDIA_TYPE

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        del self.headers["Content-Length"]
        self._connection = connection
        self.call_on_close(connection.close)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Send the head and the client's socket to the stream process, and replace the socket here."""
        client: socket.socket = environ[GUNICORN_SOCKET]
        with suppress(OSError):  # the stream process has just ended: the client's connection closes, and it retries
            socket.send_fds(self._connection, [self._head()], [client.fileno()])
        replace_descriptor(client)
        start_response(self.status, [])
        return ClosingIterator([], self.close)

    def _head(self) -> bytes:
        """Return the HTTP head. The end of the connection ends the body, which suits HTTP/1.0 proxies too."""
        lines = [f"HTTP/1.1 {self.status}", *(f"{name}: {value}" for name, value in self.headers), "Connection: close"]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


def replace_descriptor(client: socket.socket) -> None:
    """Let the descriptor of this socket refer to one whose other end is closed. The connection stays open."""
    ours, other = socket.socketpair()
    with ours:
        other.close()
        os.dup2(ours.fileno(), client.fileno(), inheritable=False)

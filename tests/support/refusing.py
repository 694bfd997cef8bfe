"""Servers that take a connection and refuse the login, as RabbitMQ and PgBouncer do."""

import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

Dialogue = Callable[[BinaryIO, BinaryIO], None]


@contextmanager
def refusing_postgres_server(words: str) -> Iterator[int]:
    """Refuse each connection with a FATAL error of these words. Yields the port."""

    def refuse(read: BinaryIO, write: BinaryIO) -> None:
        while True:
            length, code = struct.unpack("!II", read.read(8))
            read.read(length - 8)
            if code not in {80877103, 80877104}:  # SSLRequest, GSSENCRequest
                break
            write.write(b"N")
        fields = b"".join(
            kind + text + b"\0" for kind, text in ((b"S", b"FATAL"), (b"C", b"08P01"), (b"M", words.encode()))
        )
        write.write(b"E" + struct.pack("!I", len(fields) + 5) + fields + b"\0")

    with _serving(refuse) as port:
        yield port


@contextmanager
def refusing_amqp_server(words: str) -> Iterator[int]:
    """Speak AMQP up to the login, and close the connection with code 403 and these words. Yields the port."""

    def refuse(read: BinaryIO, write: BinaryIO) -> None:
        read.read(8)  # protocol header
        capabilities = _table({"capabilities": {"authentication_failure_close": True}})
        write.write(_method(10, 10, b"\0\x09" + capabilities + _long(b"PLAIN AMQPLAIN") + _long(b"en_US")))
        _read_frame(read)  # connection.start-ok
        text = words.encode()
        write.write(_method(10, 50, struct.pack("!H", 403) + bytes([len(text)]) + text + struct.pack("!HH", 0, 0)))
        _read_frame(read)  # connection.close-ok

    with _serving(refuse) as port:
        yield port


@contextmanager
def _serving(dialogue: Dialogue) -> Iterator[int]:
    class Handler(socketserver.StreamRequestHandler):
        wbufsize = 0

        def handle(self) -> None:
            dialogue(self.rfile, self.wfile)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that goes away is no error of the test."""

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def _method(class_id: int, method_id: int, arguments: bytes) -> bytes:
    payload = struct.pack("!HH", class_id, method_id) + arguments
    return struct.pack("!BHI", 1, 0, len(payload)) + payload + b"\xce"


def _read_frame(read: BinaryIO) -> None:
    _, _, length = struct.unpack("!BHI", read.read(7))
    read.read(length + 1)


def _long(text: bytes) -> bytes:
    return struct.pack("!I", len(text)) + text


def _table(values: dict[str, object]) -> bytes:
    fields = b"".join(bytes([len(name)]) + name.encode() + _field(value) for name, value in values.items())
    return _long(fields)


def _field(value: object) -> bytes:
    if isinstance(value, dict):
        return b"F" + _table(value)
    return b"t" + bytes([bool(value)])

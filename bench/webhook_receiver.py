"""A receiver of webhooks that costs little: it appends the id of each call to a file, then answers 204.

python -m bench.webhook_receiver PORT FILE [SECONDS]    # seconds before each answer
"""

import asyncio
import os
import re
import sys

_ID = re.compile(rb"\r\nwebhook-id: *([^\r]+)\r\n", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n", re.IGNORECASE)
_ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


class Receiver(asyncio.Protocol):
    """One connection. Calls may come in parts, and several on one connection."""

    def __init__(self, file: int, seconds: float) -> None:
        self._file = file
        self._seconds = seconds
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[: end + 2]
            length = _LENGTH.search(head)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < whole:
                return
            self._received = self._received[whole:]
            self._answer(head)

    def _answer(self, head: bytes) -> None:
        if found := _ID.search(head):
            os.write(self._file, found[1] + b"\n")
        asyncio.get_running_loop().call_later(self._seconds, self._write)

    def _write(self) -> None:
        assert isinstance(self._transport, asyncio.Transport)
        self._transport.write(_ANSWER)


async def _serve(port: int, file: int, seconds: float) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Receiver(file, seconds), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    port, name, *seconds = sys.argv[1:]
    log = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    asyncio.run(_serve(int(port), log, float(seconds[0]) if seconds else 0.0))

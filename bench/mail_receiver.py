"""A mail server that costs little: it appends the Message-ID of each mail to a file, then accepts it.

python -m bench.mail_receiver PORT FILE [SECONDS]    # seconds before it accepts a mail
"""

import asyncio
import os
import re
import sys
from typing import Final

_ID: Final = re.compile(rb"^message-id:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
_END: Final = b"\r\n.\r\n"
_OK: Final = b"250 OK\r\n"


class Receiver(asyncio.Protocol):
    """One connection. Commands may come in parts, and several at once."""

    def __init__(self, file: int, seconds: float) -> None:
        self._file = file
        self._seconds = seconds
        self._received = b""
        self._is_in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 bench.example ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._received += data
        while self._take_mail() if self._is_in_data else self._take_command():
            pass

    def _take_mail(self) -> bool:
        mail, end, rest = self._received.partition(_END)
        if not end:
            return False
        self._received, self._is_in_data = rest, False
        if found := _ID.search(mail):
            os.write(self._file, found[1] + b"\n")
        asyncio.get_running_loop().call_later(self._seconds, self._transport.write, _OK)
        return True

    def _take_command(self) -> bool:
        line, end, rest = self._received.partition(b"\r\n")
        if not end:
            return False
        self._received = rest
        match line[:4].upper():
            case b"EHLO":
                self._transport.write(b"250-bench.example\r\n250 PIPELINING\r\n")
            case b"DATA":
                self._is_in_data = True
                self._transport.write(b"354 Send it\r\n")
            case b"QUIT":
                self._transport.write(b"221 Bye\r\n")
                self._transport.close()
            case _:
                self._transport.write(_OK)
        return True


async def _serve(port: int, file: int, seconds: float) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Receiver(file, seconds), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    port, name, *seconds = sys.argv[1:]
    log = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    asyncio.run(_serve(int(port), log, float(seconds[0]) if seconds else 0.0))

"""The GET of the supervisor, against servers that answer, refuse, hang, or speak another protocol."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from app.ops.stack.http_get import http_get

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answering(text: bytes) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        writer.write(text.replace(b"REQUEST", request.splitlines()[0]))
        writer.close()

    return answer


async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def get(answer: Answer, path: str = "/readyz") -> tuple[int, bytes]:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        return await http_get(f"http://127.0.0.1:{port}{path}", within=0.5)


def test_returns_status_and_body() -> None:
    text = b"HTTP/1.1 503 SERVICE UNAVAILABLE\r\nServer: x\r\n\r\nREQUEST\r\n\r\nrest"
    assert asyncio.run(get(answering(text))) == (503, b"GET /readyz HTTP/1.0\r\n\r\nrest")


@pytest.mark.parametrize("text", [b"", b"-ERR unknown command\r\n", b"HTTP/1.1 \r\n\r\n"])
def test_no_http_answer_is_an_error(text: bytes) -> None:
    with pytest.raises(OSError, match="no HTTP answer"):
        asyncio.run(get(answering(text)))


def test_answer_that_ends_early_is_an_error() -> None:
    text = b"HTTP/1.1 503 SERVICE UNAVAILABLE\r\nContent-Length: 40\r\n\r\n"
    for part in (b"", b'{"detail": "the data'):
        with pytest.raises(OSError, match="ended early"):
            asyncio.run(get(answering(text + part)))


def test_server_that_hangs_is_an_error() -> None:
    with pytest.raises(TimeoutError):
        asyncio.run(get(hang))


def test_closed_port_is_an_error() -> None:
    with pytest.raises(ConnectionRefusedError):
        asyncio.run(http_get("http://127.0.0.1:9/", within=0.5))

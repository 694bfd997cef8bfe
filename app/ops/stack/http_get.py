"""GET of a local URL, without a library: the supervisor asks its parts with it, and keeps the memory of its imports."""

import asyncio
import re
from typing import Final
from urllib.parse import urlsplit

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


async def http_get(url: str, *, within: float) -> tuple[int, bytes]:
    """Return the status and the body of the answer.

    Raises OSError (when nothing answers within these seconds, or the answer is not HTTP or ends early).
    """
    target = urlsplit(url)
    async with asyncio.timeout(within):
        reader, writer = await asyncio.open_connection(target.hostname, target.port)
        try:
            writer.write(f"GET {target.path or '/'} HTTP/1.0\r\nHost: {target.netloc}\r\n\r\n".encode())
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        finally:
            writer.close()
    version, _, status = head.partition(b"\r\n")[0].partition(b" ")
    if not version.startswith(b"HTTP/1.") or not status[:3].isdigit():
        raise ConnectionError(f"{url} gave no HTTP answer")
    if (length := _LENGTH.search(head)) and len(body) < int(length[1]):  # its process was killed
        raise ConnectionError(f"the answer of {url} ended early")
    return int(status[:3]), body

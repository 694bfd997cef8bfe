"""Receive the sockets of clients from the API, over a Unix socket."""

import asyncio
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog
from redis.exceptions import RedisError

from app.core.live_events.caller import ACCEPTED, FULL, PATIENCE, PING, StreamCaller, socket_path
from app.ops.embedded import WrongSetting
from app.ops.live_updates.feed import Feed
from app.ops.live_updates.messages import CloseReason
from app.ops.live_updates.stream import Stream
from app.ops.live_updates.streams import Streams

MOST_WAITING: Final = 256  # calls that wait to be accepted
CHECK_PATIENCE: Final = 10.0  # seconds that the API may take to check the access again
LONGEST_LINE: Final = 1_000_000  # bytes; a team has at most thousands of users
LONGEST_HEAD: Final = 16_384
LONGEST_PATH: Final = 100  # bytes; the limit of Unix sockets is 103 to 107

log = structlog.get_logger()


def listen() -> socket.socket:
    """Return the listening socket, for this user only. It takes the place of one that a killed process left.

    Raises:
        WrongSetting: with the reason.
    """
    path = socket_path()
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise WrongSetting(f"STREAM_SOCKET: {path} is longer than {LONGEST_PATH} bytes: set it to a shorter path")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        Path(path).unlink(missing_ok=True)
        listener.bind(path)
    except OSError as error:
        raise WrongSetting(f"STREAM_SOCKET: {path} cannot be used ({error.strerror})") from None
    finally:
        os.umask(before)
    listener.listen(MOST_WAITING)
    listener.setblocking(False)
    return listener


class Receiver:
    """Accepts calls of the API, and opens a stream for each client's socket."""

    def __init__(self, streams: Streams, feed: Feed) -> None:
        self._streams = streams
        self._feed = feed
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, listener: socket.socket) -> None:
        """Accept until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(listener)
            task = asyncio.create_task(self._receive(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _receive(self, connection: socket.socket) -> None:
        with connection:
            try:
                async with asyncio.timeout(PATIENCE):
                    line = await _read_line(connection)
                if line == PING:
                    await asyncio.get_running_loop().sock_sendall(connection, ACCEPTED)
                    return
                caller = StreamCaller.from_line(line)
                if (stream := self._streams.reserve(caller)) is None:
                    await asyncio.get_running_loop().sock_sendall(connection, FULL)
                    return
                try:
                    await self._open(connection, stream)
                finally:
                    if not stream.is_open:
                        self._streams.forget(stream)
            except (OSError, ValueError, TypeError, KeyError) as error:  # TimeoutError is an OSError
                log.warning("live_updates.not_opened", error=type(error).__name__)

    async def _open(self, connection: socket.socket, stream: Stream) -> None:
        async with asyncio.timeout(CHECK_PATIENCE):
            await asyncio.get_running_loop().sock_sendall(connection, ACCEPTED)
            await _readable(connection)
        head, descriptors, _, _ = socket.recv_fds(connection, LONGEST_HEAD, 1)
        if not descriptors:
            return  # the API has refused the call
        client = socket.socket(fileno=descriptors[0])
        client.setblocking(False)
        await asyncio.get_running_loop().connect_accepted_socket(lambda: stream, client)
        stream.write(head)
        try:
            await self._feed.join(stream)
        except (RedisError, OSError) as error:
            log.warning("live_updates.store_unavailable", error=type(error).__name__)
            stream.close(CloseReason.STOPPING)


async def _read_line(connection: socket.socket) -> bytes:
    connection.setblocking(False)
    line = b""
    while not line.endswith(b"\n"):
        chunk = await asyncio.get_running_loop().sock_recv(connection, 65_536)
        line += chunk
        if not chunk or len(line) > LONGEST_LINE:
            raise ValueError(line[:0])
    return line


async def _readable(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def set_ready() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(connection, set_ready)
    try:
        await ready
    finally:
        with suppress(OSError, ValueError):
            loop.remove_reader(connection)

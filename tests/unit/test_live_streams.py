"""Streams of the stream process: limits, closing orders and slow readers, on socket pairs."""

import asyncio
import socket
import time
from uuid import UUID, uuid4

from app.core.live_events.caller import MOST_STREAMS, StreamCaller
from app.ops.live_updates.messages import CloseReason
from app.ops.live_updates.stream import MOST_UNREAD, Stream
from app.ops.live_updates.streams import Streams

CLINIC, USER = uuid4(), uuid4()
SIGNED_OUT = {"user_id": str(USER)}


def caller(user_id: UUID = USER, *, seconds: float = 60.0) -> StreamCaller:
    return StreamCaller(CLINIC, time.time() + seconds, {}, user_id=user_id, stands_for=user_id)


def reserved(streams: Streams, who: StreamCaller | None = None) -> Stream:
    stream = streams.reserve(who or caller())
    assert stream is not None
    return stream


async def connect(streams: Streams, stream: Stream) -> socket.socket:
    """Connect the stream, and return the client's end, which blocks at most 5 seconds."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.settimeout(5)
    await asyncio.get_running_loop().connect_accepted_socket(lambda: stream, ours)
    streams.add(stream)
    stream.begin(b"", most=MOST_UNREAD)
    return theirs


async def read_all(client: socket.socket) -> bytes:
    """Return what the client receives until its connection ends."""
    await asyncio.sleep(0.05)  # lets the transport close
    with client:
        return b"".join(iter(lambda: client.recv(65_536), b""))


def test_caller_has_a_limited_number_of_streams():
    streams = Streams()
    mine = [reserved(streams) for _ in range(MOST_STREAMS)]
    assert streams.reserve(caller()) is None
    assert streams.reserve(caller(uuid4())) is not None
    for _ in range(2):  # the second time changes nothing
        streams.forget(mine[0])
    assert streams.reserve(caller()) is not None
    assert streams.reserve(caller()) is None


def test_order_that_comes_before_the_connection_closes_it_at_once():
    async def run() -> bytes:
        streams = Streams()
        stream = reserved(streams)
        streams.close(SIGNED_OUT, CloseReason.ACCESS_CHANGED)
        client = await connect(streams, stream)
        stream.write(b"secret")
        received = await read_all(client)
        assert list(streams) == []
        return received

    assert asyncio.run(run()) == b""


def test_order_closes_only_matching_streams():
    async def run() -> list[bool]:
        streams = Streams()
        both = [reserved(streams), reserved(streams, caller(uuid4()))]
        clients = [await connect(streams, one) for one in both]
        streams.close(SIGNED_OUT, CloseReason.ACCESS_CHANGED)
        assert b"access_changed" in await read_all(clients[0])
        still_open = [one.is_open for one in both]
        clients[1].close()
        return still_open

    assert asyncio.run(run()) == [False, True]


def test_slow_reader_is_dropped():
    async def run() -> tuple[bool, int]:
        streams = Streams()
        stream, other = reserved(streams), reserved(streams, caller(uuid4()))
        clients = [await connect(streams, one) for one in (stream, other)]
        written = 0
        while stream.is_open and written < 10_000_000:
            stream.send(b"x" * 50_000)
            stream.flush()
            written += 50_000
            await asyncio.sleep(0)
        for client in clients:
            client.close()
        return other.is_open, written

    other_is_open, written = asyncio.run(run())
    assert other_is_open
    assert written < 2_000_000  # what the system buffers, and `MOST_UNREAD`


def test_events_wait_for_the_replay():
    async def run() -> bytes:
        streams = Streams()
        stream = reserved(streams)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        await asyncio.get_running_loop().connect_accepted_socket(lambda: stream, ours)
        streams.add(stream)
        stream.send(b"new ")
        stream.flush()
        stream.begin(b"missed ", most=MOST_UNREAD)
        stream.close(CloseReason.STOPPING)
        return await read_all(theirs)

    assert asyncio.run(run()).startswith(b"missed new event: closed")


def test_stream_ends_with_the_access_token():
    async def run() -> bytes:
        streams = Streams()
        client = await connect(streams, reserved(streams, caller(seconds=0.01)))
        await asyncio.sleep(0.03)
        return await read_all(client)

    assert b"token_expired" in asyncio.run(run())

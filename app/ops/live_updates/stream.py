"""One open stream: the connection of a client."""

import asyncio
from collections.abc import Callable
from typing import Final, cast

from app import clock
from app.core.live_events.caller import StreamCaller
from app.ops.live_updates.messages import CloseReason, closed
from app.ops.live_updates.viewer import Viewer

MOST_UNREAD: Final = 65_536  # bytes that a slow reader may leave unread; beyond it, its connection is dropped


class Stream(asyncio.Protocol):
    """Writes events to one client. Until `begin`, new events wait, so that a replay comes first."""

    def __init__(self, caller: StreamCaller, ended: Callable[["Stream"], None]) -> None:
        self.caller = caller
        self.viewer = Viewer(caller)
        self._ended = ended
        self._waiting: list[bytes] = []
        self._is_replaying = True
        self._is_withdrawn = False
        self._transport: asyncio.Transport | None = None
        self._expiry: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        """Whether the client is connected."""
        return self._transport is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport. The stream ends by itself when the access of its caller ends."""
        self._transport = cast("asyncio.Transport", transport)
        if self._is_withdrawn:
            transport.close()
            return
        left = max(0.0, self.caller.expires_at - clock.now().timestamp())
        self._expiry = asyncio.get_running_loop().call_later(left, self.close, CloseReason.TOKEN_EXPIRED)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (asyncio's signature)
        """Report the end. Data of the client is ignored, and its end of file ends the connection."""
        self._transport = None
        if self._expiry is not None:
            self._expiry.cancel()
        self._ended(self)

    def send(self, data: bytes) -> None:
        """Keep these events for the next `flush`."""
        self._waiting.append(data)

    def flush(self) -> None:
        """Write the events that wait, with one call of the system. While a replay is written, they wait for it."""
        if self._waiting and not self._is_replaying:
            self.write(b"".join(self._waiting))
            self._waiting.clear()

    def begin(self, replay: bytes, *, most: int) -> None:
        """Write what the client missed, of which it may leave `most` bytes unread, and then what waits."""
        self.write(replay, most=most)
        self._is_replaying = False
        self.flush()

    def write(self, data: bytes, *, most: int = MOST_UNREAD) -> None:
        """Write at once. A client that leaves more than `most` bytes unread is dropped.

        It comes back with its Last-Event-ID.
        """
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > most:
            self._transport.abort()

    def close(self, reason: CloseReason) -> None:
        """Send the reason and close the connection. If there is none yet, it will be closed at once."""
        self._is_withdrawn = True
        if self._transport is not None:
            self.write(closed(reason))
            self._transport.close()

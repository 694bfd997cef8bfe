"""Celery's Redis transport, mended where a broker restart would kill a worker that holds ETA messages.

On connection loss Celery's consumer calls `collect()` and then `close()`. kombu's `Channel.close()` first reads
a pending BRPOP; that read raises before the channel is marked closed, and the second pass finds a half-closed
channel: the worker exits with "Unrecoverable error". A read that cannot be answered has nothing pending.
"""

from typing import Any

from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as kombu_redis


class Channel(kombu_redis.Channel):
    """A channel that can always be closed, and that keeps the client it publishes with.

    kombu makes a new client object for every command; a third of the cost of publishing is making it.
    """

    _kept: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[no-untyped-call]
        if self._kept is None or self._kept.connection_pool is not self.pool:
            self._kept = super()._create_client()  # type: ignore[no-untyped-call]
        return self._kept

    def close(self) -> None:
        """Close; what was pending on a dead connection counts as nothing."""
        try:
            super().close()  # type: ignore[no-untyped-call]
        except (*self.connection_errors, AttributeError):
            self._in_poll = False  # the second pass must not read again
            super().close()  # type: ignore[no-untyped-call]


class Transport(kombu_redis.Transport):
    """The Redis transport with that channel."""

    Channel = Channel


def register() -> None:
    """Use it wherever a URL says redis:// or rediss://; call before the application connects."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = "app.transport:Transport"

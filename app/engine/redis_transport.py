"""Celery's Redis transport, mended where a broker restart would kill a worker that holds ETA messages.

On connection loss Celery's consumer calls `collect()` and then `close()`. kombu's `Channel.close()` first reads
a pending BRPOP; that read raises before the channel is marked closed, and the second pass finds a half-closed
channel: the worker exits with "Unrecoverable error". A read that cannot be answered has nothing pending.
"""

from queue import Empty
from typing import Any

import structlog
from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as kombu_redis

log = structlog.get_logger()


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

    def _brpop_read(self, **options: Any) -> Any:
        """Take one message off a queue. Bytes that are none are dropped, or they would end the worker."""
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except (ValueError, TypeError, LookupError) as error:
            log.error("broker.not_a_message", because=type(error).__name__)  # noqa: TRY400  (its bytes are a stranger's)
            raise Empty from None

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
        TRANSPORT_ALIASES[scheme] = "app.engine.redis_transport:Transport"

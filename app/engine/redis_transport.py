"""Redis transports for Celery, direct and through Sentinel, with two fixes for kombu.

On connection loss Celery's consumer calls `collect()` and then `close()`. kombu's `Channel.close()` first reads a
pending BRPOP. That read raises before the channel is marked closed, and the second pass finds a half-closed channel. A
worker that holds ETA messages then exits with "Unrecoverable error". A connection that is lost has no pending read.
"""

from queue import Empty
from typing import Any, Final

import structlog
from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as kombu_redis

from app.config import Settings

log = structlog.get_logger()


class _RepairedChannel(kombu_redis.Channel):
    """Channel that can always be closed, and that reuses its publishing client.

    kombu creates a new client object for every command, which takes a third of the publishing time.
    """

    _client_cache: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[no-untyped-call]
        if self._client_cache is None or self._client_cache.connection_pool is not self.pool:
            self._client_cache = super()._create_client()  # type: ignore[no-untyped-call]
        return self._client_cache

    def _brpop_read(self, **options: object) -> object:
        """Take one message from a queue. Drop bytes that are not a message, because they would stop the worker."""
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except (ValueError, TypeError, LookupError) as error:
            log.error("broker.not_a_message", because=type(error).__name__)  # noqa: TRY400  (may hold personal data)
            raise Empty from None

    def close(self) -> None:
        """Close the channel. A pending read on a lost connection is ignored."""
        try:
            super().close()  # type: ignore[no-untyped-call]
        except (*self.connection_errors, AttributeError):
            self._in_poll = False  # the second pass must not read again
            super().close()  # type: ignore[no-untyped-call]


class Channel(_RepairedChannel):
    """Channel to the server that the URL names."""


class SentinelChannel(_RepairedChannel, kombu_redis.SentinelChannel):
    """Channel to the master that the Sentinels of the URL name."""


class Transport(kombu_redis.Transport):
    """Redis transport that uses this channel."""

    Channel = Channel


class SentinelTransport(kombu_redis.SentinelTransport):
    """Redis transport that asks Sentinels for the master at each new connection."""

    Channel = SentinelChannel


def register() -> None:
    """Use these transports for redis://, rediss:// and sentinel:// URLs. Call it before the application connects."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = "app.engine.redis_transport:Transport"
    TRANSPORT_ALIASES["sentinel"] = "app.engine.redis_transport:SentinelTransport"


def sentinel_options(settings: Settings) -> dict[str, object]:
    """Return the transport options that name the master and the password of the Sentinels; empty without Sentinel."""
    if not settings.broker_url.get_secret_value().startswith("sentinel"):
        return {}
    password = settings.sentinel_password.get_secret_value()
    kept = {"password": password} if password else {}
    return {"master_name": settings.sentinel_master, "sentinel_kwargs": {**_PATIENCE, **kept}}


_PATIENCE: Final = {"socket_timeout": 2, "socket_connect_timeout": 2}  # seconds; a dead host must not delay a failover

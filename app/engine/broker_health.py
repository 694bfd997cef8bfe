"""Whether the broker takes writes. Redis that answers may still refuse them, for example because its disk is full."""

from functools import lru_cache
from typing import Final

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import OutOfMemoryError, ReadOnlyError, RedisError, ResponseError
from redis.retry import Retry

from app.config import Settings, get_settings
from app.engine.broker import IMPATIENT, celery

TIMEOUT: Final = 0.5  # seconds
KEY: Final = "relance:write-check"
REDIS_SCHEMES: Final = ("redis://", "rediss://")
_REFUSALS: Final = ("MISCONF", "NOREPLICAS", "OOM", "READONLY")


def redis_client(settings: Settings, *, timeout: float = TIMEOUT) -> Redis | None:
    """Return a client of the broker that gives up after `timeout` seconds. None if the broker is not Redis."""
    url = settings.broker_url.get_secret_value()
    if not url.startswith(REDIS_SCHEMES):
        return None
    return Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0))


def write_refusal(client: Redis) -> str | None:
    """Return why Redis refuses writes, in its own words. None if it takes them. Raises RedisError if it is away."""
    try:
        client.set(KEY, 1, ex=60)
    except ResponseError as error:
        if is_refusal(error):
            return str(error)
        raise
    return None


def is_refusal(error: ResponseError) -> bool:
    """Whether Redis answers, but refuses all writes: disk full, memory full, a read-only or lonely server."""
    return isinstance(error, OutOfMemoryError | ReadOnlyError) or str(error).startswith(_REFUSALS)


def broker_refuses_writes() -> bool:
    """Whether the broker answers and refuses writes. A broker that is away does not: the rows wait in PostgreSQL."""
    client = _client()
    try:
        return client is not None and write_refusal(client) is not None
    except (RedisError, OSError):
        return False


def broker_takes_writes() -> bool:
    """Whether the broker answers and takes writes."""
    client = _client()
    try:
        if client is not None:
            return write_refusal(client) is None
        with celery.connection_for_write(transport_options=IMPATIENT) as connection:
            connection.ensure_connection(max_retries=0, timeout=TIMEOUT)
    except Exception:  # noqa: BLE001  (each transport has exceptions of its own)
        return False
    return True


@lru_cache(maxsize=1)
def _client() -> Redis | None:
    return redis_client(get_settings())

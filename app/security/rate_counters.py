"""Rate counters: fixed-window counts that all processes share.

They are in the store of COUNTERS_URL, else in the broker if that is Valkey or Redis, else in PostgreSQL. PostgreSQL
also counts while the store does not answer. They limit abuse and are not exact.
"""

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, RedisError  # noqa: A004  (redis has its own)
from redis.retry import Retry

from app.config import get_settings
from app.security import database_counters

STORE_TIMEOUT: Final = 1.0  # seconds that a caller waits for the store
RETRY_AFTER: Final = 2.0  # seconds without calls after a failure, so that callers do not wait one after the other

log = structlog.get_logger()
_away_until = 0.0
_split_until = 0.0  # until then PostgreSQL has a part of this process's counts


# Each script is atomic. A window starts with its first count. Expired counts are not decremented.
_COUNT: Final = """
local counts = {}
for i, name in ipairs(KEYS) do
  local count = redis.call('INCRBY', name, ARGV[2])
  if count == tonumber(ARGV[2]) then redis.call('EXPIRE', name, ARGV[1]) end
  counts[2 * i - 1], counts[2 * i] = count, redis.call('TTL', name)
end
return counts
"""
_READ: Final = """
local counts = {}
for i, name in ipairs(KEYS) do
  counts[2 * i - 1], counts[2 * i] = tonumber(redis.call('GET', name) or 0), math.max(redis.call('TTL', name), 0)
end
return counts
"""
_TAKE_BACK: Final = """
for _, name in ipairs(KEYS) do
  if redis.call('EXISTS', name) == 1 then redis.call('DECR', name) end
end
return {}
"""


def increment(names: Sequence[str], *, window: int, by: int = 1) -> list[tuple[int, int]] | None:
    """Add `by` to each counter. Returns (count, seconds until the window of `window` seconds ends) for each name.

    Returns None if neither the store nor the database answers.
    """
    counts = _ask(_COUNT, names, window, by)
    if counts is None:
        _note_split(window)
        return database_counters.increment(names, window=window, by=by)
    return _in_all_stores(counts, names)


def read(names: Sequence[str]) -> list[tuple[int, int]] | None:
    """Return what `increment` returns, without counting. A counter without a current window is (0, 0)."""
    counts = _ask(_READ, names)
    return database_counters.read(names) if counts is None else _in_all_stores(counts, names)


def decrement(names: Sequence[str]) -> None:
    """Subtract one from these counters. Does nothing if no store answers."""
    if _ask(_TAKE_BACK, names) is None or time.monotonic() < _split_until:
        database_counters.decrement(names)


def _note_split(window: int) -> None:
    global _split_until  # noqa: PLW0603  (one store, one time)
    if _store() is not None:
        _split_until = max(_split_until, time.monotonic() + window)


def _in_all_stores(counts: Sequence[int], names: Sequence[str]) -> list[tuple[int, int]]:
    in_store = list(zip(counts[::2], counts[1::2], strict=True))
    return _with_rest(in_store, names) if time.monotonic() < _split_until else in_store


def _with_rest(in_store: list[tuple[int, int]], names: Sequence[str]) -> list[tuple[int, int]]:
    """Add what PostgreSQL counted while the store did not answer, so that an outage gives no additional attempts."""
    rest = database_counters.read(names) or [(0, 0)] * len(names)
    return [(a + b, max(left, other)) for (a, left), (b, other) in zip(in_store, rest, strict=True)]


def _ask(script: str, names: Sequence[str], *arguments: int | str) -> list[int] | None:
    global _away_until  # noqa: PLW0603  (one store, one retry time)
    store = _store()
    if store is None or time.monotonic() < _away_until:
        return None
    try:
        answer: Any = store.eval(script, len(names), *names, *arguments)
    except (RedisError, OSError) as failure:
        log.warning("rate_counters.unavailable", error=type(failure).__name__)
        _away_until = time.monotonic() + RETRY_AFTER
        return None
    return list(answer)


@lru_cache(maxsize=1)
def _store() -> Redis | None:
    url = get_settings().counter_store
    if not url:
        return None
    return Redis.from_url(
        url,
        socket_timeout=STORE_TIMEOUT,
        socket_connect_timeout=STORE_TIMEOUT,
        # A connection that died in the pool is replaced once. A call that timed out may have counted: no second try.
        retry=Retry(NoBackoff(), 1, supported_errors=(ConnectionError,)),
    )

"""Counts that all processes share and that forget: how often somebody did something in the last so many seconds.

They are kept in the broker's store when that is a Redis or Valkey. They protect; they are no record.
"""

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from app.config import get_settings

PATIENCE: Final = 0.3  # seconds that a caller waits for the store
PAUSE: Final = 2.0  # seconds for which a store that failed is not asked again: nobody waits for it one after the other

log = structlog.get_logger()
_away_until = 0.0


# One command each: the window begins with the first count, and what is past is not counted down.
_COUNT: Final = """
local counts = {}
for i, name in ipairs(KEYS) do
  local count = redis.call('INCRBY', name, ARGV[2])
  if count == tonumber(ARGV[2]) then redis.call('EXPIRE', name, ARGV[1]) end
  counts[2 * i - 1], counts[2 * i] = count, redis.call('TTL', name)
end
return counts
"""
_TAKE_BACK: Final = """
for _, name in ipairs(KEYS) do
  if redis.call('EXISTS', name) == 1 then redis.call('DECR', name) end
end
return {redis.call('DEL', ARGV[1])}
"""


def count(names: Sequence[str], *, window: int, by: int = 1) -> list[tuple[int, int]] | None:
    """Count each name up: its count, and the seconds until it starts anew.

    None when nobody can say: the store is away, or there is none.
    """
    counts = _ask(_COUNT, names, window, by)
    return None if counts is None else list(zip(counts[::2], counts[1::2], strict=True))


def take_back(names: Sequence[str], *, forget: str) -> None:
    """Count these names down by one, and begin anew with `forget`; nothing when the store is away."""
    _ask(_TAKE_BACK, names, forget)


def _ask(script: str, names: Sequence[str], *arguments: int | str) -> list[int] | None:
    global _away_until  # noqa: PLW0603  (one store, one time at which it may be asked again)
    store = _store()
    if store is None or time.monotonic() < _away_until:
        return None
    try:
        answer: Any = store.eval(script, len(names), *names, *arguments)
    except (RedisError, OSError) as failure:
        log.warning("tally.away", error=type(failure).__name__)
        _away_until = time.monotonic() + PAUSE
        return None
    return list(answer)


@lru_cache(maxsize=1)
def _store() -> Redis | None:
    url = get_settings().broker_url.get_secret_value()
    if not url.startswith(("redis://", "rediss://", "unix://")):
        return None
    return Redis.from_url(
        url,
        socket_timeout=PATIENCE,
        socket_connect_timeout=PATIENCE,
        retry=Retry(NoBackoff(), 1),  # a connection that died in the pool is replaced once
    )

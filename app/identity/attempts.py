"""How often somebody may try to sign in, counted for all processes together.

The counters are in the broker's store when that is a Redis or Valkey. While it is away everybody may try: a
clinic that cannot sign in is worse than an hour of guessing against Argon2.
"""

import hashlib
import hmac
from functools import lru_cache
from typing import Final

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from app.config import get_settings
from app.errors import TooManyRequests
from app.identity.keyring import key_for

WINDOW: Final = 300  # seconds; then the count starts anew, so nobody is locked out for good
PATIENCE: Final = 0.3  # seconds

# Failed attempts in a window. One person's typing errors meet the first; the other two stop a spread-out attack.
FROM_ONE_PLACE_ON_ONE_ACCOUNT: Final = 10
FROM_ONE_PLACE: Final = 60
ON_ONE_ACCOUNT: Final = 60

log = structlog.get_logger()


def count_attempt(email: str, address: str) -> None:
    """Count one more attempt, before the password is looked at. Raises TooManyRequests."""
    limits = _limits(email, address)
    try:
        used = _count(list(limits))
    except (RedisError, OSError) as failure:
        log.warning("attempts_not_counted", error=type(failure).__name__)
        return
    waits = [left for (count, left), most in zip(used, limits.values(), strict=True) if count > most]
    if waits:
        raise TooManyRequests(max(1, *waits))


def forgive(email: str, address: str) -> None:
    """The attempt was right: it does not count, and neither do this person's typing errors before it."""
    ours, *shared = _limits(email, address)
    store = _store()
    if store is None:
        return
    try:
        with store.pipeline() as commands:
            commands.delete(ours)
            for counter in shared:
                commands.decr(counter)
            commands.execute()
    except (RedisError, OSError) as failure:
        log.warning("attempts_not_counted", error=type(failure).__name__)


def _limits(email: str, address: str) -> dict[str, int]:
    account = email.lower()
    return {
        _name("both", account, address): FROM_ONE_PLACE_ON_ONE_ACCOUNT,
        _name("address", address): FROM_ONE_PLACE,
        _name("account", account): ON_ONE_ACCOUNT,
    }


def _count(names: list[str]) -> list[tuple[int, int]]:
    """Count each up; its count, and the seconds until it starts anew."""
    store = _store()
    if store is None:
        return [(0, 0) for _ in names]
    with store.pipeline() as commands:
        for name in names:
            commands.set(name, 0, ex=WINDOW, nx=True)
            commands.incr(name)
            commands.ttl(name)
        answers = commands.execute()
    return list(zip(answers[1::3], answers[2::3], strict=True))


def _name(*who: str) -> str:
    """Neither an address nor an account is readable in the store."""
    digest = hmac.digest(key_for("attempts"), "\0".join(who).encode(), hashlib.sha256)
    return f"relance:attempts:{digest[:12].hex()}"


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

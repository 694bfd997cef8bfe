"""Rate limits: calls per caller and minute, counted over all processes.

Headers follow draft-ietf-httpapi-ratelimit-headers. If no counter store answers, each process counts alone.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from threading import Lock
from typing import Final
from uuid import UUID

from flask import g

from app.config import get_settings
from app.errors import TooManyRequests
from app.identity.actor import Actor
from app.security import rate_counters

WINDOW: Final = 60  # seconds
MOST_CALLERS: Final = 10_000  # cached per process


@dataclass(frozen=True, slots=True)
class Allowance:
    """The allowance of a caller: calls per window, calls left, and seconds until the next window."""

    most: int
    left: int
    seconds: int


def count_call(actor: Actor) -> None:
    """Count a call of this actor. Raises TooManyRequests."""
    most = get_settings().rate_limit_per_minute
    caller = actor.user_id or actor.api_key_id
    if not most or caller is None:
        return
    used, seconds = _count(caller, most)
    g.allowance = Allowance(most, max(0, most - used), max(1, seconds))
    if used > most:
        raise TooManyRequests(g.allowance.seconds, f"At most {most} calls per minute. Wait before the next call.")


def rate_limit_headers() -> Mapping[str, str]:
    """Return the rate limit headers of the current call; empty for calls that are not counted."""
    allowance: Allowance | None = g.get("allowance")
    if allowance is None:
        return {}
    return {
        "RateLimit-Policy": f'"default";q={allowance.most};w={WINDOW}',
        "RateLimit": f'"default";r={allowance.left};t={allowance.seconds}',
    }


@dataclass(slots=True)
class _Share:
    """The current window of a caller, as this process knows it."""

    used: int = 0  # calls of all processes, at the last query of the store
    own: int = 0  # calls of this process since then
    ends: float = 0.0  # on the monotonic clock


_shares: dict[UUID, _Share] = {}
_lock = Lock()


def _count(caller: UUID, most: int) -> tuple[int, int]:
    """Return the calls in this window, including this one, and the seconds until it ends.

    The store is queried after each hundredth of the limit: at every call for a limit of 100, rarely for a large one.
    """
    at = time.monotonic()
    with _lock:
        share = _share_of(caller)
        share.own += 1
        if share.own < most // 100 and at < share.ends:
            return share.used + share.own, ceil(share.ends - at)
        calls, share.own = share.own, 0
    counted = rate_counters.increment([f"relance:calls:{caller}"], by=calls, window=WINDOW)
    with _lock:
        if counted:
            [(share.used, seconds)] = counted
            share.ends = at + seconds
        elif at < share.ends:
            share.used += calls
        else:
            share.used, share.ends = calls, at + WINDOW
        return share.used, min(WINDOW, ceil(share.ends - at))  # the difference may be a rounding error above it


def _share_of(caller: UUID) -> _Share:
    if caller not in _shares and len(_shares) >= MOST_CALLERS:
        _shares.clear()
    return _shares.setdefault(caller, _Share())

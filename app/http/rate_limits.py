"""How often one caller may call in a minute, counted for all processes together.

The headers are those of draft-ietf-httpapi-ratelimit-headers. While the store of the counts is away, each process
counts for itself.
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
MOST_CALLERS: Final = 10_000  # whom a process remembers


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a caller may do: so many calls in a window, so many of them left, and the seconds until it starts anew."""

    most: int
    left: int
    seconds: int


def spend(who: Actor) -> None:
    """Count a call. Raises TooManyRequests."""
    most = get_settings().rate_limit_per_minute
    caller = who.user_id or who.api_key_id
    if not most or caller is None:
        return
    used, seconds = _count(caller, most)
    g.allowance = Allowance(most, max(0, most - used), max(1, seconds))
    if used > most:
        raise TooManyRequests(g.allowance.seconds, f"At most {most} calls a minute: wait before the next.")


def headers() -> Mapping[str, str]:
    """What the caller has left; nothing for calls that are not counted."""
    allowance: Allowance | None = g.get("allowance")
    if allowance is None:
        return {}
    return {
        "RateLimit-Policy": f'"default";q={allowance.most};w={WINDOW}',
        "RateLimit": f'"default";r={allowance.left};t={allowance.seconds}',
    }


@dataclass(slots=True)
class _Share:
    """What this process knows of a caller's window."""

    used: int = 0  # by all processes, when they were last asked
    own: int = 0  # here since then
    ends: float = 0.0  # on the monotonic clock


_shares: dict[UUID, _Share] = {}
_lock = Lock()


def _count(caller: UUID, most: int) -> tuple[int, int]:
    """The calls of this window, with this one, and the seconds until it ends.

    The store is asked at least for each hundredth of what is allowed: of a hundred calls for each, of a million seldom.
    """
    at = time.monotonic()
    with _lock:
        share = _share_of(caller)
        share.own += 1
        if share.own < most // 100 and at < share.ends:
            return share.used + share.own, ceil(share.ends - at)
        calls, share.own = share.own, 0
    counted = rate_counters.count([f"relance:calls:{caller}"], by=calls, window=WINDOW)
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

"""How often one caller may call in a minute, counted for all processes together.

The headers are those of draft-ietf-httpapi-ratelimit-headers. While the store of the counts is away, each process
counts for itself.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from flask import g

from app import tally
from app.config import get_settings
from app.errors import TooManyRequests
from app.identity.actor import Actor

WINDOW: Final = 60  # seconds
MOST_CALLERS: Final = 10_000  # whom a process counts for itself


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
    counted = tally.count([f"relance:calls:{caller}"], window=WINDOW)
    used, seconds = counted[0] if counted else _own_count(caller)
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


_own: dict[UUID, tuple[int, int]] = {}  # of each caller the window and the calls in it, while the store is away


def _own_count(caller: UUID) -> tuple[int, int]:
    window, gone = divmod(int(time.monotonic()), WINDOW)
    of, calls = _own.get(caller, (window, 0))
    calls = calls + 1 if of == window else 1
    if len(_own) >= MOST_CALLERS:
        _own.clear()
    _own[caller] = window, calls
    return calls, WINDOW - gone

"""Low-water mark of a scan of due steps: the due time below which the last scan found no pending step.

While any transaction stays open, PostgreSQL cannot remove the index entries of the steps that ended meanwhile, and a
scan that begins at the oldest one reads all of them, each time. So a scan begins at the mark once a complete one was
slow. Complete scans go on, for at most a hundredth of the time: they find a step that was committed late, below the
mark. Without a long transaction every scan is complete.

After many steps in a few seconds, a scan from the mark is slow too, because the mark stays in the past, before the
steps that may still be committed. Then it also takes at most a hundredth of the time. The scans in between begin at
the oldest pending step that the last one found, and at least some seconds in the past.
"""

import time
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from functools import lru_cache
from typing import Final
from uuid import UUID

BEGINNING: Final = datetime.min.replace(tzinfo=UTC)
FAST: Final = 0.005  # seconds; a scan that takes no longer is repeated each time
PAUSE: Final = 100  # else the next such scan follows after so many times as long as it took
SETTLED_PLANS: Final = timedelta(seconds=30)  # transactions that plan steps are shorter
RECENT_PLANS: Final = timedelta(seconds=5)  # nearly all of them are shorter than this


def due_since(step: str, since: str) -> str:
    """Return SQL: whether a row of `steps` is due since then.

    The comparison of two columns makes no range together with the other bound: of a range, the planner expects a few
    rows only, and would sort all due steps.
    """
    return f"({step}.due_at, {step}.id) >= ({since}, CAST('{UUID(int=0)}' AS uuid))"


class Extent(Enum):
    """Where a scan begins."""

    COMPLETE = auto()  # at the oldest index entry
    SETTLED = auto()  # at the mark
    RECENT = auto()  # at the oldest step of the last scan, or `RECENT_PLANS` ago


class LowWaterMark:
    """The mark of one scan in this process. Call `start` before each scan, and `advance` after it.

    `settled`: steps that were due that long ago are committed. The mark is at least that far in the past.
    """

    def __init__(self, settled: timedelta) -> None:
        self._settled = settled
        self._mark = self._oldest = BEGINNING
        self._next = {Extent.COMPLETE: float("-inf"), Extent.SETTLED: float("-inf")}
        self._extent = Extent.COMPLETE

    @property
    def is_needed(self) -> bool:
        """Whether the last complete scan was slow."""
        return self._next[Extent.COMPLETE] > float("-inf")

    def start(self, now: datetime) -> datetime:
        """Return the due time at which the next scan begins. A clock that was set back makes it complete."""
        if time.monotonic() >= self._next[Extent.COMPLETE] or now < self._mark + self._settled:
            self._extent = Extent.COMPLETE
            return BEGINNING
        if time.monotonic() >= self._next[Extent.SETTLED]:
            self._extent = Extent.SETTLED
            return self._mark
        self._extent = Extent.RECENT
        return max(self._mark, min(self._oldest, now - RECENT_PLANS))

    def advance(self, oldest: datetime | None, *, now: datetime, seconds: float) -> None:
        """Take over the result of a scan: the due time of the oldest pending step it found, and how long it took."""
        settled = now - self._settled
        self._oldest = oldest or now
        if self._extent is Extent.RECENT:
            return  # it says nothing about steps between the mark and its beginning
        self._mark = min(oldest, settled) if oldest else settled
        is_slow = seconds > FAST
        self._next[self._extent] = time.monotonic() + seconds * PAUSE if is_slow else float("-inf")


@lru_cache(maxsize=64)
def mark_of(_scan: str) -> LowWaterMark:
    """Return the mark of this process for a scan of a sweep, by its name."""
    return LowWaterMark(SETTLED_PLANS)

"""Low-water mark of a scan of due steps: the due time below which the last scan found no pending step.

While any transaction stays open, PostgreSQL cannot remove the index entries of the steps that ended meanwhile, and a
scan that begins at the oldest one reads all of them, each time. So scans begin at the mark once a complete scan was
slow. Complete scans go on, for at most a hundredth of the time: they find a step that was committed late, below the
mark. Without a long transaction every scan is complete.
"""

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from uuid import UUID

BEGINNING: Final = datetime.min.replace(tzinfo=UTC)
FAST: Final = 0.005  # seconds; a complete scan that takes no longer is repeated each time
PAUSE: Final = 100  # else the next complete scan follows after so many times as long as it took
SETTLED_PLANS: Final = timedelta(seconds=30)  # transactions that plan steps are shorter


def due_since(step: str, since: str) -> str:
    """Return SQL: whether a row of `steps` is due since then.

    The comparison of two columns makes no range together with the other bound: of a range, the planner expects a few
    rows only, and would sort all due steps.
    """
    return f"({step}.due_at, {step}.id) >= ({since}, CAST('{UUID(int=0)}' AS uuid))"


class LowWaterMark:
    """The mark of one scan in this process. Call `start` before each scan, and `advance` after it.

    `settled`: steps that were due that long ago are committed. The mark is at least that far in the past.
    """

    def __init__(self, settled: timedelta) -> None:
        self._settled = settled
        self._mark = BEGINNING
        self._next_complete = float("-inf")
        self._is_complete = True

    @property
    def is_needed(self) -> bool:
        """Whether the last complete scan was slow."""
        return self._next_complete > float("-inf")

    def start(self, now: datetime) -> datetime:
        """Return the due time at which the next scan begins. A clock that was set back makes it complete."""
        self._is_complete = time.monotonic() >= self._next_complete or now < self._mark + self._settled
        return BEGINNING if self._is_complete else self._mark

    def advance(self, oldest: datetime | None, *, now: datetime, seconds: float) -> None:
        """Take over the result of a scan: the due time of the oldest pending step it found, and how long it took."""
        settled = now - self._settled
        self._mark = min(oldest, settled) if oldest else settled
        if self._is_complete:
            self._next_complete = time.monotonic() + seconds * PAUSE if seconds > FAST else float("-inf")


@lru_cache(maxsize=64)
def mark_of(_scan: str) -> LowWaterMark:
    """Return the mark of this process for a scan of a sweep, by its name."""
    return LowWaterMark(SETTLED_PLANS)

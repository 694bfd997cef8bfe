"""Worker gaps: periods in which no worker finished a step of a clinic although steps were due. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple

from app.core.calendar.calendar import Calendar

MIN_GAP: Final = timedelta(minutes=5)


class Gap(NamedTuple):
    """A period between two minutes with finished steps. `waiting` steps were due in it."""

    since: datetime
    until: datetime
    waiting: int

    def to_text(self, calendar: Calendar) -> str:
        """Describe the gap in the clinic's local time."""
        begins, ends = calendar.local(self.since), calendar.local(self.until)
        until = f"{ends:%H:%M}" if begins.date() == ends.date() else f"{ends:%-d %b %H:%M}"
        steps = "1 step was" if self.waiting == 1 else f"{self.waiting} steps were"
        return f"No worker finished a step between {begins:%-d %b %H:%M} and {until}, while {steps} due."


def gaps(minutes: Sequence[datetime], late: Mapping[datetime, int]) -> list[Gap]:
    """Return the periods without a finished step that are longer than `MIN_GAP` and in which steps were due.

    `minutes` are the minutes in which steps ended, in order. `late` counts late steps by the minute they were due.
    """
    return [Gap(since, until, waiting) for since, until in _long(minutes) if (waiting := _due(late, since, until))]


def _long(minutes: Sequence[datetime]) -> Iterator[tuple[datetime, datetime]]:
    return ((since, until) for since, until in pairwise(minutes) if until - since > MIN_GAP)


def _due(late: Mapping[datetime, int], since: datetime, until: datetime) -> int:
    return sum(steps for minute, steps in late.items() if since <= minute < until)

"""The times in which no worker finished a step of a clinic's though some were due. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple

from app.core.calendar.calendar import Calendar

SHORTEST: Final = timedelta(minutes=5)


class Gap(NamedTuple):
    """From the minute of one end to that of the next; `waiting` steps were due meanwhile."""

    since: datetime
    until: datetime
    waiting: int

    def told(self, calendar: Calendar) -> str:
        """In words, on the clinic's wall."""
        begins, ends = calendar.local(self.since), calendar.local(self.until)
        until = f"{ends:%H:%M}" if begins.date() == ends.date() else f"{ends:%-d %b %H:%M}"
        steps = "1 step was" if self.waiting == 1 else f"{self.waiting} steps were"
        return f"No worker finished a step between {begins:%-d %b %H:%M} and {until}, while {steps} due."


def gaps(minutes: Sequence[datetime], late: Mapping[datetime, int]) -> list[Gap]:
    """Of minutes in which something ended, in their order; `late` are steps that ran late, by the minute they were due.

    Where nothing was due, nobody was away.
    """
    return [Gap(since, until, waiting) for since, until in _long(minutes) if (waiting := _due(late, since, until))]


def _long(minutes: Sequence[datetime]) -> Iterator[tuple[datetime, datetime]]:
    return ((since, until) for since, until in pairwise(minutes) if until - since > SHORTEST)


def _due(late: Mapping[datetime, int], since: datetime, until: datetime) -> int:
    return sum(steps for minute, steps in late.items() if since <= minute < until)

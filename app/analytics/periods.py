"""Periods of reports: half-open ranges of local days, their buckets, and the period to compare with. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Final

from app.core.calendar.calendar import Calendar
from app.core.calendar.date_range import MOST_DAYS
from app.core.calendar.months import add_months
from app.errors import Invalid

DEFAULT_DAYS: Final = 90
DEFAULT_MATURE_DAYS: Final = 30
MONTHS_OF_A_YEAR: Final = 12
_ONE_DAY: Final = timedelta(days=1)


class By(StrEnum):
    DAY = "day"
    WEEK = "week"  # from Monday
    MONTH = "month"


class Compare(StrEnum):
    PREVIOUS_PERIOD = "previous_period"  # as many days, just before
    PREVIOUS_YEAR = "previous_year"  # the same dates, a year earlier


@dataclass(frozen=True)
class Days:
    """Local days from `first` to before `end`."""

    first: date
    end: date
    calendar: Calendar

    @cached_property
    def since(self) -> datetime:
        """The first instant."""
        return self.calendar.at_wall_time(self.first, time.min)

    @cached_property
    def until(self) -> datetime:
        """The first instant after the days."""
        return self.calendar.at_wall_time(self.end, time.min)

    def until_before(self, limit: date) -> "Days":
        """Return the days before `limit`, perhaps none."""
        return Days(self.first, min(self.end, max(limit, self.first)), self.calendar)


def days_of(first: date | None, end: date | None, calendar: Calendar, *, now: datetime) -> Days:
    """Return the days of a report; by default the last 90 days, today included.

    Raises Invalid when there are none, or more than 366.
    """
    end = end or calendar.local(now).date() + _ONE_DAY
    first = first or end - timedelta(days=DEFAULT_DAYS)
    if first >= end:
        raise Invalid.at("/from", "Must be before `to`, which is exclusive.")
    if (end - first).days > MOST_DAYS:
        raise Invalid.at("/from", f"At most {MOST_DAYS} days before `to`.")
    return Days(first, end, calendar)


def buckets_of(days: Days, by: By) -> list[Days]:
    """Return the days in parts. The first and the last part may be shorter than a week or a month."""
    edges = [days.first]
    while (later := _next_edge(edges[-1], by)) < days.end:
        edges.append(later)
    return [Days(first, end, days.calendar) for first, end in zip(edges, [*edges[1:], days.end], strict=True)]


def days_from(first: date, calendar: Calendar) -> Iterator[Days]:
    """Return each local day by itself from `first` on, without end."""
    while True:
        yield Days(first, first + _ONE_DAY, calendar)
        first += _ONE_DAY


def edges_of(buckets: Sequence[Days]) -> list[datetime]:
    """Return the first instant of each bucket, and the end of the last one."""
    return [*(bucket.since for bucket in buckets), buckets[-1].until]


def _next_edge(day: date, by: By) -> date:
    if by is By.DAY:
        return day + _ONE_DAY
    if by is By.WEEK:
        return day + timedelta(days=7 - day.weekday())
    return add_months(day.replace(day=1), 1)


def earlier(days: Days, compare: Compare) -> Days:
    """Return the days to compare with."""
    if compare is Compare.PREVIOUS_PERIOD:
        return Days(days.first - (days.end - days.first), days.first, days.calendar)
    first, end = (add_months(day, -MONTHS_OF_A_YEAR) for day in (days.first, days.end))
    return Days(first, end, days.calendar)

"""Relative periods of reports, such as last week. Pure."""

from datetime import date, timedelta
from enum import StrEnum
from typing import Final, TypeAlias

from app.core.calendar.months import add_months

MONTHS_OF_A_QUARTER: Final = 3
MONTHS_OF_A_YEAR: Final = 12
_ONE_DAY: Final = timedelta(days=1)

Span: TypeAlias = tuple[date, date]  # the first day, and the day after the last one


class RelativePeriod(StrEnum):
    """A period relative to a day. Periods that begin with `this` end with that day; all others end before it."""

    YESTERDAY = "yesterday"
    LAST_7_DAYS = "last_7_days"
    LAST_30_DAYS = "last_30_days"
    LAST_90_DAYS = "last_90_days"
    THIS_WEEK = "this_week"  # from Monday
    LAST_WEEK = "last_week"
    THIS_MONTH = "this_month"
    LAST_MONTH = "last_month"
    THIS_QUARTER = "this_quarter"
    LAST_QUARTER = "last_quarter"
    THIS_YEAR = "this_year"
    LAST_YEAR = "last_year"


_DAYS_BEFORE: Final = {
    RelativePeriod.YESTERDAY: 1,
    RelativePeriod.LAST_7_DAYS: 7,
    RelativePeriod.LAST_30_DAYS: 30,
    RelativePeriod.LAST_90_DAYS: 90,
}
_MONTHS: Final = {
    RelativePeriod.THIS_MONTH: 1,
    RelativePeriod.LAST_MONTH: 1,
    RelativePeriod.THIS_QUARTER: MONTHS_OF_A_QUARTER,
    RelativePeriod.LAST_QUARTER: MONTHS_OF_A_QUARTER,
    RelativePeriod.THIS_YEAR: MONTHS_OF_A_YEAR,
    RelativePeriod.LAST_YEAR: MONTHS_OF_A_YEAR,
}
_OF_THE_PRESENT: Final = frozenset(
    {RelativePeriod.THIS_WEEK, RelativePeriod.THIS_MONTH, RelativePeriod.THIS_QUARTER, RelativePeriod.THIS_YEAR}
)


def span_of(period: RelativePeriod, today: date) -> Span:
    """Return the days of a period relative to `today`."""
    if period in _DAYS_BEFORE:
        return today - timedelta(days=_DAYS_BEFORE[period]), today
    start = _start(period, today)
    return (start, today + _ONE_DAY) if period in _OF_THE_PRESENT else (_back(period, start), start)


def _start(period: RelativePeriod, today: date) -> date:
    """Return the first day of the week, month, quarter or year of `today`."""
    months = _MONTHS.get(period)
    if months is None:
        return today - timedelta(days=today.weekday())
    return today.replace(month=today.month - (today.month - 1) % months, day=1)


def _back(period: RelativePeriod, start: date) -> date:
    """Return the first day of the week, month, quarter or year before `start`."""
    months = _MONTHS.get(period)
    return start - timedelta(days=7) if months is None else add_months(start, -months)

"""The clock. Only this module reads the current time, so that a simulation can replace it."""

from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import available_timezones


def now() -> datetime:
    """Return the current time as an aware datetime in UTC."""
    return datetime.now(UTC)


@lru_cache(maxsize=1)
def zones() -> frozenset[str]:
    """Return the names of all IANA time zones. Cached, because they are read from files."""
    return frozenset(available_timezones())


EARLIEST, LATEST = 1900, 2200  # years; a date outside is a typing error and can overflow date arithmetic


def is_in_range(day: date) -> bool:
    """Return whether a date or a datetime lies between the years EARLIEST and LATEST (exclusive)."""
    return EARLIEST <= day.year < LATEST

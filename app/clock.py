"""The clock. Only this module reads the current time, so that a simulation can replace it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import available_timezones


def now() -> datetime:
    """Return the current time as an aware datetime in UTC."""
    return datetime.now(UTC) + _shift.get()


_shift: ContextVar[timedelta] = ContextVar("shift", default=timedelta())


@contextmanager
def moved_to(instant: datetime) -> Iterator[None]:
    """Let the clock go on from `instant`, for the code of this thread inside the `with` block.

    Other threads, and PostgreSQL with the times of the audit log, keep the real time.
    """
    token = _shift.set(instant - datetime.now(UTC))
    try:
        yield
    finally:
        _shift.reset(token)


def moved_nanoseconds() -> int | None:
    """Return the time of a moved clock in nanoseconds since 1970; None if the clock has the real time."""
    return int(now().timestamp() * 1_000_000) * 1000 if _shift.get() else None


@lru_cache(maxsize=1)
def zones() -> frozenset[str]:
    """Return the names of all IANA time zones. Cached, because they are read from files."""
    return frozenset(available_timezones())


EARLIEST, LATEST = 1900, 2200  # years; a date outside is a typing error and can overflow date arithmetic


def is_in_range(day: date) -> bool:
    """Return whether a date or a datetime lies between the years EARLIEST and LATEST (exclusive)."""
    return EARLIEST <= day.year < LATEST

"""The only reader of the clock, so that the code that runs a plan can also simulate it."""

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import available_timezones


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)


@lru_cache(maxsize=1)
def zones() -> frozenset[str]:
    """The names of the time zones there are (IANA). They are read from files, so once."""
    return frozenset(available_timezones())


EARLIEST, LATEST = 1900, 2200  # years; what lies beyond is a slip, and the arithmetic of dates ends out there

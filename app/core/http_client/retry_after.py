"""The header `Retry-After` of a response (RFC 9110, 10.2.3)."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from app import clock


def read_retry_after(retry_after: str, *, most: timedelta) -> timedelta | None:
    """Return the wait that the header names, in seconds or as a date; at most `most`. None if it cannot be read."""
    if retry_after.isascii() and retry_after.isdecimal():
        return min(timedelta(seconds=int(retry_after[:9])), most)
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return min(max(_aware(until) - clock.now(), timedelta()), most)


def _aware(instant: datetime) -> datetime:
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)

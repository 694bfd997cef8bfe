"""Date ranges of reports: default length and largest length."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from app.clock import now
from app.errors import Invalid

DEFAULT_DAYS: Final = 30
MOST_DAYS: Final = 366


class DateRange(NamedTuple):
    """A half-open range of instants: `since` is included, `until` is not."""

    since: datetime
    until: datetime


def date_range_of(since: datetime | None, until: datetime | None) -> DateRange:
    """Return the range; `until` defaults to now, `since` to 30 days before `until`.

    Raises Invalid when `since` is not before `until`, or when the range is longer than 366 days.
    """
    until = until or now()
    since = since or until - timedelta(days=DEFAULT_DAYS)
    if since >= until:
        raise Invalid.at("/since", "Must lie before until.")
    if until - since > timedelta(days=MOST_DAYS):
        raise Invalid.at("/since", f"At most {MOST_DAYS} days before until.")
    return DateRange(since, until)

"""The time that figures are asked of."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from app.clock import now
from app.errors import Invalid

DEFAULT_DAYS: Final = 30
MOST_DAYS: Final = 366


class Period(NamedTuple):
    """From `since` on, and before `until`."""

    since: datetime
    until: datetime


def period_of(since: datetime | None, until: datetime | None) -> Period:
    """The last thirty days where nothing else is said, and never more than a year. Raises Invalid."""
    until = until or now()
    since = since or until - timedelta(days=DEFAULT_DAYS)
    if since >= until:
        raise Invalid.at("/since", "Must lie before until.")
    if until - since > timedelta(days=MOST_DAYS):
        raise Invalid.at("/since", f"At most {MOST_DAYS} days before until.")
    return Period(since, until)

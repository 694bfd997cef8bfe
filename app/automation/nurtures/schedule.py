"""Schedule of nurtures: hours in the clinic's local time, also across DST changes. Pure."""

from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import takewhile

from app.core.calendar.calendar import Calendar
from app.core.calendar.hours import WEEKDAYS
from app.engine.rules.timing import read_hours

_ONE_DAY = timedelta(days=1)


def next_run(hours: Sequence[str], days: Collection[str] | None, calendar: Calendar, *, after: datetime) -> datetime:
    """Return the first of these local hours on one of these weekdays after `after`. `days` None: every day."""
    return next(at for at in _times_from(hours, days, calendar, calendar.local(after).date()) if at > after)


def runs_between(
    hours: Sequence[str], days: Collection[str] | None, calendar: Calendar, *, since: datetime, until: datetime
) -> list[datetime]:
    """Return all scheduled times from `since` to `until`, both inclusive."""
    times = _times_from(hours, days, calendar, calendar.local(since).date())
    return [at for at in takewhile(lambda at: at <= until, times) if at >= since]


def _times_from(
    hours: Sequence[str], days: Collection[str] | None, calendar: Calendar, day: date
) -> Iterator[datetime]:
    """Yield scheduled times from `day`. Two hours in a DST gap are the same instant, which is yielded once."""
    read = read_hours(hours)
    while True:
        if days is None or WEEKDAYS[day.weekday()] in days:
            yield from sorted({calendar.at_wall_time(day, hour) for hour in read})
        day += _ONE_DAY

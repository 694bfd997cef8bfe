"""When a message may go. Each check answers with an instant before which the touch is not allowed, or None.

Every instant from the one that is asked about up to the answer is refused, too.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final, TypeAlias

from app.core.calendar.calendar import NeverAllowed, NeverOpen, day_begins
from app.messaging.contact_policy.facts import Known, Touch

FOREVER: Final = datetime.max.replace(tzinfo=UTC)

Answer: TypeAlias = datetime | None

_ONE_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5


def later(instant: datetime | None, at: datetime) -> Answer:
    """That instant, where it is still to come."""
    return instant if instant is not None and instant > at else None


def quiet(_: Touch, known: Known, at: datetime) -> Answer:
    """Where the lead is, and wherever else it may be, it is quiet."""
    try:
        return later(known.calendar.next_allowed(at, known.places), at)
    except NeverAllowed:
        return FOREVER


def business_hours(_: Touch, known: Known, at: datetime) -> Answer:
    """The clinic is closed, its holidays included."""
    if not known.policy.business_hours_only:
        return None
    try:
        return later(known.calendar.next_open(at), at)
    except NeverOpen:
        return FOREVER


def weekend(_: Touch, known: Known, at: datetime) -> Answer:
    """It is Saturday or Sunday in one of the places."""
    if known.policy.weekends:
        return None
    mondays = (
        day_begins(_next_monday(day), zone, after=at)
        for zone in known.zones
        if (day := at.astimezone(zone).date()).weekday() >= _SATURDAY
    )
    return max(mondays, default=None)


def holiday(_: Touch, known: Known, at: datetime) -> Answer:
    """It is a day off: the clinic's by its own wall, the lead's where the lead may be."""
    if known.policy.holidays:
        return None
    dates = [(known.calendar.zone, known.calendar.closed_on), *((zone, known.days_off) for zone in known.zones)]
    mornings = (
        day_begins(day + _ONE_DAY, zone, after=at)
        for zone, days_off in dates
        if (day := at.astimezone(zone).date()) in days_off
    )
    return max(mornings, default=None)


def daily_cap(_: Touch, known: Known, at: datetime) -> Answer:
    """The lead had enough for this day."""
    return _cap(known, known.policy.daily_cap, at, lambda day: (day, day + _ONE_DAY))


def weekly_cap(_: Touch, known: Known, at: datetime) -> Answer:
    """The lead had enough for this week, which begins on Monday."""
    return _cap(known, known.policy.weekly_cap, at, lambda day: (_next_monday(day) - timedelta(7), _next_monday(day)))


def _cap(known: Known, cap: int | None, at: datetime, period: Callable[[date], tuple[date, date]]) -> Answer:
    """When the period ends in which there were as many as may be; of the zones that the lead may be in, the last."""
    if cap is None:
        return None
    ends = []
    for zone in known.zones:
        first, end = period(at.astimezone(zone).date())
        if sum(first <= gone.at.astimezone(zone).date() < end for gone in known.gone) >= cap:
            ends.append(day_begins(end, zone, after=at))
    return max(ends, default=None)


def _next_monday(day: date) -> date:
    return day + timedelta(days=7 - day.weekday())


def interval(_: Touch, known: Known, at: datetime) -> Answer:
    """The last one is too short a time ago."""
    interval = known.policy.minimum_interval
    return None if interval is None else _after_all([gone.at for gone in known.gone], interval, at)


def another_touch(touch: Touch, known: Known, at: datetime) -> Answer:
    """One that went, or one planned that matters more: within a window of that neither before nor after it."""
    window = known.policy.window
    return None if window is None else _after_all(rivals(touch, known), window, at)


def rivals(touch: Touch, known: Known) -> list[datetime]:
    """When other messages went, or are to go if they matter more."""
    more_important = [ahead.due_at for ahead in known.ahead if ahead.priority < touch.priority]
    return [gone.at for gone in known.gone] + more_important


def _after_all(moments: Sequence[datetime], distance: timedelta, at: datetime) -> Answer:
    return max((moment + distance for moment in moments if abs(at - moment) < distance), default=None)

"""Checks about the time of a message. Each returns an instant before which the contact is refused, or None.

Every moment from the given one up to the returned instant is refused too.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final, TypeAlias

from app.core.calendar.calendar import NeverAllowed, NeverOpen, start_of_day
from app.messaging.contact_policy.gate_input import ContactAttempt, ContactFacts

FOREVER: Final = datetime.max.replace(tzinfo=UTC)

NotBefore: TypeAlias = datetime | None

_ONE_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5


def if_later(instant: datetime | None, at: datetime) -> NotBefore:
    """Return the instant if it is after `at`, else None."""
    return instant if instant is not None and instant > at else None


def quiet_hours(_: ContactAttempt, facts: ContactFacts, at: datetime) -> NotBefore:
    """Refuse during quiet hours in any time zone that the lead may be in."""
    try:
        return if_later(facts.calendar.next_allowed(at, facts.places), at)
    except NeverAllowed:
        return FOREVER


def business_hours(_: ContactAttempt, facts: ContactFacts, at: datetime) -> NotBefore:
    """Refuse while the clinic is closed, holidays included."""
    if not facts.policy.business_hours_only:
        return None
    try:
        return if_later(facts.calendar.next_open(at), at)
    except NeverOpen:
        return FOREVER


def weekend(_: ContactAttempt, facts: ContactFacts, at: datetime) -> NotBefore:
    """Refuse on Saturday and Sunday in any time zone that the lead may be in."""
    if facts.policy.weekends:
        return None
    mondays = (
        start_of_day(_next_monday(day), zone, after=at)
        for zone in facts.zones
        if (day := at.astimezone(zone).date()).weekday() >= _SATURDAY
    )
    return max(mondays, default=None)


def holiday(_: ContactAttempt, facts: ContactFacts, at: datetime) -> NotBefore:
    """Refuse on holidays: the clinic's in the clinic's time zone, the lead's in the zones the lead may be in."""
    if facts.policy.holidays:
        return None
    dates = [(facts.calendar.zone, facts.calendar.closed_on), *((zone, facts.days_off) for zone in facts.zones)]
    mornings = (
        start_of_day(day + _ONE_DAY, zone, after=at)
        for zone, days_off in dates
        if (day := at.astimezone(zone).date()) in days_off
    )
    return max(mornings, default=None)


def daily_cap(_: ContactAttempt, facts: ContactFacts, at: datetime) -> NotBefore:
    """Refuse for the rest of the day once the daily cap is reached."""
    return _cap(facts, facts.policy.daily_cap, at, lambda day: (day, day + _ONE_DAY))


def weekly_cap(_: ContactAttempt, facts: ContactFacts, at: datetime) -> NotBefore:
    """Refuse for the rest of the week, which begins on Monday, once the weekly cap is reached."""
    return _cap(facts, facts.policy.weekly_cap, at, lambda day: (_next_monday(day) - timedelta(7), _next_monday(day)))


def _cap(facts: ContactFacts, cap: int | None, at: datetime, period: Callable[[date], tuple[date, date]]) -> NotBefore:
    """Return the end of the period in which the cap is reached; the latest end over the lead's time zones."""
    if cap is None:
        return None
    ends = []
    for zone in facts.zones:
        first, end = period(at.astimezone(zone).date())
        if sum(first <= sent.at.astimezone(zone).date() < end for sent in facts.sent) >= cap:
            ends.append(start_of_day(end, zone, after=at))
    return max(ends, default=None)


def _next_monday(day: date) -> date:
    return day + timedelta(days=7 - day.weekday())


def minimum_interval(_: ContactAttempt, facts: ContactFacts, at: datetime) -> NotBefore:
    """Refuse until the minimum interval after the last message has passed."""
    interval = facts.policy.minimum_interval
    return None if interval is None else _after_each([sent.at for sent in facts.sent], interval, at)


def other_messages(attempt: ContactAttempt, facts: ContactFacts, at: datetime) -> NotBefore:
    """Refuse within the window before and after a sent message or a planned message of higher priority."""
    window = facts.policy.window
    return None if window is None else _after_each(competing_messages(attempt, facts), window, at)


def competing_messages(attempt: ContactAttempt, facts: ContactFacts) -> list[datetime]:
    """Return the times of sent messages and of planned messages with a higher priority."""
    planned = [message.due_at for message in facts.planned if message.priority < attempt.priority]
    return [sent.at for sent in facts.sent] + planned


def _after_each(moments: Sequence[datetime], distance: timedelta, at: datetime) -> NotBefore:
    return max((moment + distance for moment in moments if abs(at - moment) < distance), default=None)

"""Limits of a sending account: messages per hour and per day, and the warm-up of a new sender. Pure.

A minute counts until all of it is an hour ago, as for gateways. Days are those of the clinic. Each day of a warm-up
allows some percent more than the day before, until it reaches the limit per day, or for a year.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count
from typing import Final
from zoneinfo import ZoneInfo

from app.core.calendar.calendar import start_of_day

MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
LONGEST_WARM_UP: Final = 365  # days


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of an account. None: unlimited."""

    per_hour: int | None = None
    per_day: int | None = None
    warm_up_per_day: int | None = None
    warm_up_growth: int | None = None  # percent a day
    warm_up_started_on: date | None = None

    @property
    def is_any(self) -> bool:
        """Whether there is any limit."""
        return any(limit is not None for limit in (self.per_hour, self.per_day, self.warm_up_per_day))

    def on(self, day: date) -> int | None:
        """Return the limit of a day; None: unlimited."""
        found = [limit for limit in (self.per_day, self._warm_up_on(day)) if limit is not None]
        return min(found) if found else None

    def _warm_up_on(self, day: date) -> int | None:
        if self.warm_up_per_day is None or self.warm_up_started_on is None:
            return None
        days = max(0, (day - self.warm_up_started_on).days)
        if days > LONGEST_WARM_UP:
            return None
        return int(self.warm_up_per_day * (100 + (self.warm_up_growth or 0)) ** days // 100**days)


@dataclass(frozen=True, slots=True)
class Usage:
    """Messages by the start of their minute or day: those sent, and those deferred to it (`promised`)."""

    sent_minutes: Mapping[datetime, int] = field(default_factory=dict)
    promised_minutes: Mapping[datetime, int] = field(default_factory=dict)
    sent_days: Mapping[datetime, int] = field(default_factory=dict)
    promised_days: Mapping[datetime, int] = field(default_factory=dict)


def wait_until(limits: Limits, usage: Usage, now: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the instant until which one more message waits; None if it may be sent now.

    Messages that wait already come first: those deferred to a minute or day use up its limit.
    """
    first_day = _first_day(limits, usage, now, zone)
    if limits.per_hour is None:
        return first_day
    if first_day is None and _sent_within_hour(usage, now) < limits.per_hour:
        return None
    return _first_minute(usage, limits.per_hour, first_day or now, now)


def day_start(at: datetime, zone: ZoneInfo) -> datetime:
    """Return the start of the local day that contains the instant."""
    today = at.astimezone(zone).date()
    return start_of_day(today, zone, after=at - 2 * DAY)


def minute_of(at: datetime) -> datetime:
    """Return the start of the minute that contains the instant."""
    return at.replace(second=0, microsecond=0)


def _first_day(limits: Limits, usage: Usage, now: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the start of the first later day below its limit; None if today is."""
    today = now.astimezone(zone).date()
    limit = limits.on(today)
    if limit is None or _on_day(usage.sent_days, day_start(now, zone), zone) < limit:
        return None
    for days in count(1):
        day = today + timedelta(days)
        starts_at, limit = start_of_day(day, zone, after=now), limits.on(day)
        if limit is None or _on_day(usage.promised_days, starts_at, zone) < limit:
            return starts_at
    raise AssertionError  # `count` has no end


def _on_day(counts: Mapping[datetime, int], starts_at: datetime, zone: ZoneInfo) -> int:
    """Return the messages of one local day. Its row may begin at another instant if the clinic changed its zone."""
    ends_at = start_of_day(starts_at.astimezone(zone).date() + DAY, zone, after=starts_at)
    return sum(number for at, number in counts.items() if starts_at <= at < ends_at)


def _sent_within_hour(usage: Usage, now: datetime) -> int:
    since = minute_of(now) - HOUR
    return sum(number for minute, number in usage.sent_minutes.items() if minute >= since)


def _first_minute(usage: Usage, per_hour: int, since: datetime, now: datetime) -> datetime:
    """Return the first minute from `since` on, and later than that of `now`, in which a message fits."""
    current = minute_of(now)
    known = dict(usage.sent_minutes)
    for minute, number in usage.promised_minutes.items():
        if minute > current:
            known[minute] = known.get(minute, 0) + number
    first = minute_of(max(since, current + MINUTE))
    later = sorted(minute + HOUR + MINUTE for minute in known)  # capacity returns when a minute expires
    return next(at for at in [first, *(at for at in later if at > first)] if _hour_before(known, at) < per_hour)


def _hour_before(known: Mapping[datetime, int], minute: datetime) -> int:
    return sum(number for at, number in known.items() if minute - HOUR <= at <= minute)

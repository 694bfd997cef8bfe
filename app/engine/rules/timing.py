"""Due times of rules: a wait from an event or a date, in elapsed time or opening hours, at an hour of the day. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from app.core.calendar.calendar import Calendar
from app.core.calendar.durations import Wait, parse_wait
from app.core.calendar.months import add_months, day_in_month
from app.core.type_aliases import JsonObject

NO_WAIT = Wait()
BEST_TIME = "best_time"  # the word for a timing without a wait
BEST_HOURS = "lead.best_hours"  # the fact that it needs
_DAYS_A_WEEK, _SATURDAY = 7, 5
_ONE_HOUR = timedelta(hours=1)
_ONE_DAY = timedelta(days=1)
_MAX_SLACK = timedelta(hours=1)  # see `_slack`
_INSTANT = timedelta(microseconds=1)


class Move(NamedTuple):
    """A shift of a due time: the cause and the new time."""

    by: str  # opening_hours, hour_of_day, day_of_month, best_time, quiet_hours, at_once
    to: datetime


class Due(NamedTuple):
    """A due time, and the shifts that moved it away from the plain wait."""

    at: datetime
    moves: tuple[Move, ...] = ()
    wanted: datetime | None = None  # due time before the shifts; None if there were none

    def moved(self, by: str, to: datetime) -> "Due":
        """Return the due time shifted to `to`. Returns itself if that changes nothing."""
        return self if to == self.at else Due(to, (*self.moves, Move(by, to)), self.wanted or self.at)


class LocalClock(NamedTuple):
    """A clinic's calendar, and the time zone for hours of the day: the clinic's or the lead's."""

    calendar: Calendar
    zone: ZoneInfo

    def at(self, day: date, hour: time) -> datetime:
        """Return the instant of this local date and time."""
        return self.calendar.at_wall_time(day, hour, self.zone)


@dataclass(frozen=True, slots=True)
class Timing:
    """The timing of a rule.

    `of` is the field of a date or instant to count from, instead of the event. `is_before` counts backwards from it.
    `at` holds hours of the day in `zone` ("lead" or "clinic"). `on_day` is a day of the month. `at_best_time` shifts to
    the next hour at which the lead is best reached.
    """

    wait: Wait = NO_WAIT
    in_business: bool = False  # days are working days, hours are opening hours
    in_business_days: bool = False
    at: tuple[time, ...] = ()  # ascending
    zone: str = "clinic"
    on_day: int | None = None
    of: str | None = None
    is_before: bool = False
    at_best_time: bool = False
    in_opening_hours: bool = False  # a day is 24 opening hours

    @classmethod
    def read(cls, written: object, *, is_before: bool = False) -> "Timing":
        """Parse a validated timing: "3 days", or a mapping with the parts above."""
        parts: JsonObject = _parts(written)
        return cls(
            wait=parse_wait(parts.get("time", "0 minutes")),
            in_business=parts.get("clock") == "business",
            in_opening_hours=parts.get("clock") == "opening_hours",
            in_business_days=parts.get("clock") == "business_days",
            at=read_hours(parts.get("at", ())),
            zone=parts.get("zone", "clinic"),
            on_day=parts.get("on_day"),
            of=parts.get("of"),
            is_before=is_before,
            at_best_time=parts.get("best_time", False),
        )


def _parts(written: object) -> JsonObject:
    if isinstance(written, Mapping):
        return written
    return {"best_time": True} if written == BEST_TIME else {"time": written}


def read_hours(written: str | Sequence[str]) -> tuple[time, ...]:
    """Parse one or several hours of the day, such as "09:00". Return them in ascending order without duplicates."""
    listed = [written] if isinstance(written, str) else written
    return tuple(sorted({time.fromisoformat(hour) for hour in listed}))


def due_time(timing: Timing, anchor: date | datetime, happened_at: datetime, clock: LocalClock) -> Due | None:
    """Return the due time counted from `anchor`, for an event at `happened_at`; None if that time is past.

    A date counts from local midnight.
    """
    start = anchor if isinstance(anchor, datetime) else clock.at(anchor, time())
    due = _waited(timing, start, clock.calendar) if start is anchor else Due(_days_from(timing, anchor, clock))
    if timing.on_day is not None:
        due = _on_its_day(timing, due, clock, earliest=_after_wait(timing, start, due))
    elif timing.at:
        due = _at_its_hour(timing.at, due, clock, earliest=_earliest(timing, start, due))
    if timing.of is None or due.at >= happened_at:
        return due
    # The date is closer than the rule's lead time: run at once, unless the date itself is past.
    return due.moved("at_once", happened_at) if timing.is_before and start > happened_at else None


def at_best_time(due: Due, hours: Sequence[str], clock: LocalClock) -> Due:
    """Shift to the next of the lead's best hours while the clinic is open; without any, to the next opening.

    `hours` are like `weekday 17`, the best first. The best one with an opening within a week decides. `clock` has the
    time zone of the lead. A due time within that hour stays.
    """
    for hour in hours:
        part, _, number = hour.partition(" ")
        if found := _next_open_hour(due.at, part == "weekend", int(number), clock):
            return due.moved("best_time", found)
    return due.moved("opening_hours", clock.calendar.due_after(due.at, timedelta()))


def _next_open_hour(at: datetime, is_weekend: bool, hour: int, clock: LocalClock) -> datetime | None:
    """Return the first open instant within this local hour, in the week from `at` on; None if there is none."""
    today = at.astimezone(clock.zone).date()
    for day in (today + timedelta(days=ahead) for ahead in range(_DAYS_A_WEEK + 1)):
        begins = clock.at(day, time(hour))
        start = max(begins, at)
        if (day.weekday() >= _SATURDAY) is is_weekend and start < begins + _ONE_HOUR:
            opens = clock.calendar.due_after(start, timedelta())
            if opens < begins + _ONE_HOUR:
                return opens
    return None


def next_time(every: Wait, last: datetime, now: datetime, calendar: Calendar) -> datetime:
    """Return the first time after `last` and after `now` in the series with `last`, in the calendar's local time."""
    due = last
    while due <= max(last, now):
        due = calendar.add_wall_months(due, every.months) if every.months else due
        due = calendar.add_wall_days(due, every.time.days) + (every.time - timedelta(days=every.time.days))
    return due


def _days_from(timing: Timing, day: date, clock: LocalClock) -> datetime:
    """Count calendar days from a date, so that daylight saving changes do not shift the result."""
    sign = -1 if timing.is_before else 1
    months, rest = sign * timing.wait.months, timing.wait.time
    then = add_months(day, months) + timedelta(days=sign * rest.days)
    return clock.at(then, time()) + sign * (rest - timedelta(days=rest.days))


def _earliest(timing: Timing, start: datetime, due: Due) -> datetime | None:
    """Return the earliest time allowed for an hour of the day; None if the day alone decides.

    A wait of whole days means that day, whatever the hour. Counting back from a date means that day in any case. With
    several hours, the first hour after the wait is used.
    """
    if timing.is_before:
        return due.at if len(timing.at) > 1 else None
    return start if timing.wait.is_of_days and len(timing.at) == 1 else _after_wait(timing, start, due)


def _after_wait(timing: Timing, start: datetime, due: Due) -> datetime:
    """Return the earliest hour of the day after the wait. Without a wait it is later than `start`.

    A step runs some moments after its hour, and the next step counts from then. So an hour counts that comes before
    the end of the wait by at most 1/24 of the wait, up to an hour: 24 hours after 9:02 may be 9:00.
    """
    if timing.of is None and not timing.wait:
        return start + _INSTANT
    slack = _MAX_SLACK if timing.wait.months else min(timing.wait.time / 24, _MAX_SLACK)
    return due.at if timing.is_before else max(start, due.at - slack)


def _waited(timing: Timing, start: datetime, calendar: Calendar) -> Due:
    months, length = timing.wait.months, timing.wait.time
    if timing.is_before:
        return Due(calendar.add_wall_months(start, -months) - length if months else start - length)
    waited = calendar.add_wall_months(start, months) if months else start
    return Due(waited + length).moved("opening_hours", count(timing, waited, calendar))


def count(timing: Timing, start: datetime, calendar: Calendar) -> datetime:
    """Return the end of a wait from `start` on the clock of the timing. Months are left out."""
    wait = timing.wait
    if timing.in_business:
        return calendar.add_working_time(start, weeks=wait.weeks, days=wait.days, time=wait.less_than_a_day)
    if timing.in_opening_hours:
        return calendar.due_after(start, wait.time)
    return calendar.add_business_days(start, wait.time) if timing.in_business_days else start + wait.time


def _on_its_day(timing: Timing, due: Due, clock: LocalClock, *, earliest: datetime) -> Due:
    """Shift to the timing's day of this month, or of the next month if its hours are past. Without hours: same time."""
    local = due.at.astimezone(clock.zone)
    assert timing.on_day is not None  # noqa: S101
    days = [day_in_month(month, timing.on_day) for month in (local.date(), add_months(local.date(), 1))]
    if not timing.at and days[0] == local.date():
        return due  # its local time may be the second of an overlap
    return due.moved("day_of_month", _first(clock, days, timing.at or [local.time()], earliest=earliest))


def _at_its_hour(hours: Sequence[time], due: Due, clock: LocalClock, *, earliest: datetime | None) -> Due:
    """Shift to one of these hours on the same day, or on the next day if that is too early."""
    day = due.at.astimezone(clock.zone).date()
    return due.moved("hour_of_day", _first(clock, [day, day + _ONE_DAY], hours, earliest=earliest))


def _first(clock: LocalClock, days: Sequence[date], hours: Sequence[time], *, earliest: datetime | None) -> datetime:
    """Return the first of these hours on these days that is not too early. The last day is always late enough."""
    times = (clock.at(day, hour) for day in days for hour in hours)
    return next(at for at in times if earliest is None or at >= earliest)

"""When a rule wants to act: a wait from the event or from a date, by the wall or in opening hours, at an hour. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from app.core.calendar.calendar import Calendar
from app.core.calendar.durations import Wait, parse_wait
from app.core.calendar.months import day_of, months_later

AT_ONCE = Wait()
_ONE_DAY = timedelta(days=1)


class Move(NamedTuple):
    """What put a due time off, and to when."""

    by: str  # opening_hours, hour_of_day, day_of_month, quiet_hours, at_once
    to: datetime


class Due(NamedTuple):
    """A due time, and what moved it there from what the wait alone says."""

    at: datetime
    moves: tuple[Move, ...] = ()
    wanted: datetime | None = None  # what the wait alone says, where something moved it

    def moved(self, by: str, to: datetime) -> "Due":
        """The same, put off once more, if that changes anything."""
        return self if to == self.at else Due(to, (*self.moves, Move(by, to)), self.wanted or self.at)


class Wall(NamedTuple):
    """A clinic's calendar, and the clock that an hour of the day is read from: its own, or the lead's."""

    calendar: Calendar
    zone: ZoneInfo

    def at(self, day: date, hour: time) -> datetime:
        """The instant at which that clock shows this."""
        return self.calendar.at_wall_time(day, hour, self.zone)


@dataclass(frozen=True, slots=True)
class Timing:
    """A wait as rules write it.

    `of` is the field of a date or an instant to count from, instead of the event; `is_before`: backwards from it.
    `at` are hours of the day in `zone` ("lead" or "clinic"), `on_day` is a day of the month.
    """

    wait: Wait = AT_ONCE
    in_business: bool = False
    at: tuple[time, ...] = ()  # in order
    zone: str = "clinic"
    on_day: int | None = None
    of: str | None = None
    is_before: bool = False

    @classmethod
    def read(cls, written: Any, *, is_before: bool = False) -> "Timing":
        """From a definition without mistakes: "3 days", or a mapping with the parts above."""
        parts: Mapping[str, Any] = written if isinstance(written, Mapping) else {"time": written}
        return cls(
            wait=parse_wait(parts.get("time", "0 minutes")),
            in_business=parts.get("clock") == "business",
            at=read_hours(parts.get("at", ())),
            zone=parts.get("zone", "clinic"),
            on_day=parts.get("on_day"),
            of=parts.get("of"),
            is_before=is_before,
        )


def read_hours(written: str | Sequence[str]) -> tuple[time, ...]:
    """One hour of the day, such as "09:00", or several; in order, each once."""
    listed = [written] if isinstance(written, str) else written
    return tuple(sorted({time.fromisoformat(hour) for hour in listed}))


def due_time(timing: Timing, anchor: date | datetime, happened_at: datetime, wall: Wall) -> Due | None:
    """When it is due, counted from `anchor`, for what happened at `happened_at`; None: that time is over.

    A date counts from its first minute on the wall.
    """
    start = anchor if isinstance(anchor, datetime) else wall.at(anchor, time())
    due = _waited(timing, start, wall.calendar) if start is anchor else Due(_days_from(timing, anchor, wall))
    if timing.on_day is not None:
        due = _on_its_day(timing.on_day, timing.at, due, wall)
    elif timing.at:
        due = _at_its_hour(timing.at, due, wall, earliest=_earliest(timing, start, due))
    if timing.of is None or due.at >= happened_at:
        return due
    # Closer to the date than the rule would have it: better at once than not at all, unless the date is past, too.
    return due.moved("at_once", happened_at) if timing.is_before and start > happened_at else None


def next_time(every: Wait, last: datetime, now: datetime, calendar: Calendar) -> datetime:
    """The first time after now of those that follow each other from `last` on, on the calendar's wall."""
    due = last
    while due <= now:
        due = calendar.add_wall_months(due, every.months) if every.months else due
        due = calendar.add_wall_days(due, every.time.days) + (every.time - timedelta(days=every.time.days))
    return due


def _days_from(timing: Timing, day: date, wall: Wall) -> datetime:
    """Counted from a date: days are those of the calendar, whatever the clocks do meanwhile."""
    way = -1 if timing.is_before else 1
    months, rest = way * timing.wait.months, timing.wait.time
    then = months_later(day, months) + timedelta(days=way * rest.days)
    return wall.at(then, time()) + way * (rest - timedelta(days=rest.days))


def _earliest(timing: Timing, start: datetime, due: Due) -> datetime | None:
    """Who waits for days wants that day, whatever the hour was; who counts back from a date, that day in any case.

    Of several hours the first one is wanted that comes when the wait is over.
    """
    if len(timing.at) > 1:
        return due.at
    if timing.is_before:
        return None
    return start if timing.wait.is_of_days else due.at


def _waited(timing: Timing, start: datetime, calendar: Calendar) -> Due:
    months, length = timing.wait.months, timing.wait.time
    if timing.is_before:
        return Due(calendar.add_wall_months(start, -months) - length if months else start - length)
    waited = calendar.add_wall_months(start, months) if months else start
    if timing.in_business:
        return Due(waited + length).moved("opening_hours", calendar.due_after(waited, length))
    return Due(waited + length)


def _on_its_day(day: int, hours: Sequence[time], due: Due, wall: Wall) -> Due:
    """That day of this month, or of the next one when its hours are over."""
    local = due.at.astimezone(wall.zone)
    days = [day_of(month, day) for month in (local.date(), months_later(local.date(), 1))]
    return due.moved("day_of_month", _first(wall, days, hours or [local.time()], earliest=due.at))


def _at_its_hour(hours: Sequence[time], due: Due, wall: Wall, *, earliest: datetime | None) -> Due:
    """One of these hours of the very day, or of the next one when it would be too early."""
    day = due.at.astimezone(wall.zone).date()
    return due.moved("hour_of_day", _first(wall, [day, day + _ONE_DAY], hours, earliest=earliest))


def _first(wall: Wall, days: Sequence[date], hours: Sequence[time], *, earliest: datetime | None) -> datetime:
    """The first of these hours of these days that is not too early; the last day is late enough."""
    times = (wall.at(day, hour) for day in days for hour in hours)
    return next(at for at in times if earliest is None or at >= earliest)

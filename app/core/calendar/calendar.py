"""When a clinic is open, and when people may be written to: pure arithmetic on instants.

An instant is an aware datetime of any zone; what comes back is aware, in UTC. A wall time is what the clock
on the clinic's wall shows. Where clocks change, two rules place it: a wall time that is skipped (the gap of
spring) means the first instant after the gap, one that comes twice (the overlap of autumn) its first
occurrence. Opening hours follow from that: a window over a gap is shorter, over an overlap longer, and none
opens or closes twice.
"""

from bisect import bisect_left
from collections.abc import Callable, Collection, Container, Iterator
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache, partial
from typing import NamedTuple
from zoneinfo import ZoneInfo

from app.core.calendar.hours import (
    DEFAULT_QUIET,
    BusinessHours,
    HolidayCalendar,
    InvalidHours,
    QuietHours,
    UnknownHolidays,
    Window,
)
from app.core.calendar.months import months_later

__all__ = [
    "DEFAULT_QUIET",
    "BusinessHours",
    "Calendar",
    "HolidayCalendar",
    "InvalidHours",
    "NaiveInstant",
    "NeverAllowed",
    "NeverOpen",
    "QuietHours",
    "Span",
    "UnknownHolidays",
    "Window",
    "day_begins",
]

GIVE_UP_AFTER = 400  # closed days in a row: a year of them, and its holidays
FARTHEST = 7305  # days a result may lie ahead: twenty years, so that a minute of opening a week ends too

_ZERO = timedelta()
_ONE_DAY = timedelta(days=1)
_CACHED_DAYS = 512  # above GIVE_UP_AFTER, so that a clinic that never opens is walked through from memory
_MOST_QUIET_SPANS = 100  # a week of nights in a dozen zones


class NaiveInstant(ValueError):
    """An instant needs a zone; this datetime has none."""


class NeverOpen(ValueError):
    """The opening hours do not reach that far: 400 closed days in a row, or twenty years."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class NeverAllowed(ValueError):
    """The quiet hours of these zones together leave no time to write."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class Span(NamedTuple):
    """A window on one date: the instants from `opens` up to, and without, `closes`. UTC."""

    opens: datetime
    closes: datetime


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """One clinic's time. Build it once and keep it: what it works out for a date, it remembers."""

    zone: ZoneInfo
    hours: BusinessHours
    _: KW_ONLY
    closed_on: Container[date] = frozenset()
    quiet: QuietHours | None = DEFAULT_QUIET
    _spans_on: Callable[[date], tuple[Span, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        spans_on = partial(_spans_on, self.zone, self.hours, self.closed_on)
        object.__setattr__(self, "_spans_on", lru_cache(maxsize=_CACHED_DAYS)(spans_on))

    def is_open(self, instant: datetime) -> bool:
        """Whether the clinic is open. At the instant it closes, it no longer is."""
        now = _utc(instant)
        today = now.astimezone(self.zone).date()
        # Tomorrow too: where clocks fall back over midnight, today comes back after tomorrow has begun.
        spans = (*self._spans_on(today), *self._spans_on(today + _ONE_DAY))
        return any(opens <= now < closes for opens, closes in spans)

    def next_open(self, instant: datetime) -> datetime:
        """The first open instant from here on: this very one when open. Raises NeverOpen."""
        now = _utc(instant)
        for opens, closes in self._spans_from(now):
            if now < closes:
                return max(now, opens)
        raise NeverOpen

    def add_business_time(self, instant: datetime, delta: timedelta) -> datetime:
        """The instant at which the clinic will have been open for `delta`, in seconds that really pass.

        What runs out exactly at closing time is due then, not at the next opening. No time at all, added
        while closed, is the next opening. Raises NeverOpen, and ValueError when `delta` is negative.
        """
        if delta < _ZERO:
            raise ValueError(f"business time is added, never taken away: {delta}")
        now, rest = _utc(instant), delta
        for opens, closes in self._spans_from(now):
            begin = max(now, opens)
            if rest <= closes - begin:
                return begin + rest
            rest -= closes - begin
        raise NeverOpen

    def due_after(self, instant: datetime, delta: timedelta) -> datetime:
        """As `add_business_time`; by the wall where the clinic never opens, for its leads still want to be called."""
        try:
            return self.add_business_time(instant, delta)
        except NeverOpen:
            return _utc(instant) + delta

    def business_time_between(self, a: datetime, b: datetime) -> timedelta:
        """How long the clinic is open from `a` to `b`, in real seconds; negative when `b` is the earlier."""
        start, end = _utc(a), _utc(b)
        if end < start:
            return -self.business_time_between(end, start)
        day, last = (i.astimezone(self.zone).date() for i in (start, end + _ONE_DAY))
        open_time = _ZERO
        while day <= last:
            for opens, closes in self._spans_on(day):
                open_time += max(min(end, closes) - max(start, opens), _ZERO)
            day += _ONE_DAY
        return open_time

    def next_allowed(self, instant: datetime, zones: Collection[ZoneInfo] = ()) -> datetime:
        """The first instant from here on at which it is quiet in none of `zones`; this very one when allowed.

        `zones` are those the reader may be in, the clinic's own when there are none. Raises NeverAllowed.
        """
        now = _utc(instant)
        if self.quiet is None:
            return now
        for _ in range(_MOST_QUIET_SPANS):
            asleep = _first_quiet(self.quiet, now, zones or (self.zone,))
            if asleep is None:
                return now
            now = _end_of_quiet(self.quiet, now, asleep)
        raise NeverAllowed

    def local(self, instant: datetime) -> datetime:
        """The instant in the clinic's zone (aware)."""
        return _utc(instant).astimezone(self.zone)

    def at_wall_time(self, day: date, wall: time, zone: ZoneInfo | None = None) -> datetime:
        """The instant at which the wall in `zone` (the clinic's) shows this; gaps and overlaps as said above."""
        return _instant_at(datetime.combine(day, wall.replace(tzinfo=None, fold=0)), zone or self.zone)

    def add_wall_days(self, instant: datetime, days: int) -> datetime:
        """The same wall time so many days later (earlier when negative), whatever the clocks do meanwhile."""
        if not days:
            return _utc(instant)  # the second occurrence of an overlap stays where it is
        wall = self.local(instant)
        return self.at_wall_time(wall.date() + timedelta(days), wall.time())

    def add_wall_months(self, instant: datetime, months: int) -> datetime:
        """The same day and wall time so many months later; the month's last day where it has no such day."""
        wall = self.local(instant)
        return self.at_wall_time(months_later(wall.date(), months), wall.time())

    def _spans_from(self, now: datetime) -> Iterator[Span]:
        """The spans that close at `now` or later, in order, as far as it is worth looking."""
        # From yesterday on: its last span may close at this very midnight.
        day = now.astimezone(self.zone).date() - _ONE_DAY
        closed_days = 0
        for _ in range(FARTHEST):
            spans = self._spans_on(day)
            closed_days = 0 if spans else closed_days + 1
            if closed_days > GIVE_UP_AFTER:
                return
            for span in spans:
                if span.closes >= now:
                    yield span
            day += _ONE_DAY


def _spans_on(zone: ZoneInfo, hours: BusinessHours, closed_on: Container[date], day: date) -> tuple[Span, ...]:
    windows = hours.days[day.weekday()]
    if not windows or day in closed_on:
        return ()
    midnight = datetime.combine(day, time.min)
    spans = (Span(*(_instant_at(midnight + edge, zone) for edge in window)) for window in windows)
    return tuple(span for span in spans if span.opens < span.closes)  # a window may vanish in a gap


def _first_quiet(quiet: QuietHours, now: datetime, zones: Collection[ZoneInfo]) -> ZoneInfo | None:
    return next((zone for zone in zones if quiet.cover(now.astimezone(zone).time())), None)


def _end_of_quiet(quiet: QuietHours, now: datetime, zone: ZoneInfo) -> datetime:
    local = now.astimezone(zone)
    ends_on = local.date() if local.time() < quiet.ends else local.date() + _ONE_DAY
    return _next_at(datetime.combine(ends_on, quiet.ends), now, zone)


def day_begins(day: date, zone: ZoneInfo, *, after: datetime) -> datetime:
    """The first instant of a date there that lies after `after`, which is an instant of an earlier date."""
    return _next_at(datetime.combine(day, time.min), after, zone)


def _next_at(wall: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    first = _instant_at(wall, zone)
    # In the second pass of an overlap the first occurrence is past, and the wall reads as before it: take the second.
    return first if first > after else _instant_at(wall.replace(fold=1), zone)


def _instant_at(wall: datetime, zone: ZoneInfo) -> datetime:
    instant = wall.replace(tzinfo=zone).astimezone(UTC)
    skipped = instant.astimezone(zone).replace(tzinfo=None) != wall
    return _end_of_gap(wall, zone) if skipped else instant


def _end_of_gap(wall: datetime, zone: ZoneInfo) -> datetime:
    # Read with the offset of after the gap, a skipped wall time lies before it, and the other way round
    # (PEP 495). zoneinfo names no transitions: the second at which the offset changes is searched in between.
    skipped = wall.replace(second=0, microsecond=0, tzinfo=zone)
    before, after = (skipped.replace(fold=fold).astimezone(UTC) for fold in (1, 0))
    gap, offset = (after - before) // timedelta(seconds=1), before.astimezone(zone).utcoffset()

    def is_after(seconds: int) -> bool:
        return (before + timedelta(seconds=seconds)).astimezone(zone).utcoffset() != offset

    return before + timedelta(seconds=bisect_left(range(gap), x=True, key=is_after))


# All arithmetic is in UTC: between two datetimes of one ZoneInfo, Python compares and subtracts wall times.
def _utc(instant: datetime) -> datetime:
    if instant.utcoffset() is None:
        raise NaiveInstant(f"{instant} has no zone")
    return instant.astimezone(UTC)

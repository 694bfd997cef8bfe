"""Business calendar: opening hours, business time and quiet hours. Pure.

An instant is an aware datetime of any zone; results are aware, in UTC. A wall time is the local time of a zone. Two
rules hold where clocks change. A skipped wall time (spring) means the first instant after the gap. A repeated wall time
(autumn) means its first occurrence. So a window over a gap is shorter, a window over an overlap is longer, and no
window opens or closes twice.
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
from app.core.calendar.months import add_months

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
    "start_of_day",
]

MAX_CLOSED_DAYS = 400  # consecutive closed days after which the search ends: a year and its holidays
MAX_DAYS_AHEAD = 7305  # twenty years, so that the search also ends with one open minute a week

_ZERO = timedelta()
_ONE_DAY = timedelta(days=1)
_CACHED_DAYS = 512  # above MAX_CLOSED_DAYS, so that the search for a clinic that never opens uses the cache
_MOST_QUIET_SPANS = 100  # a week of nights in a dozen zones


class NaiveInstant(ValueError):
    """The datetime has no time zone."""


class NeverOpen(ValueError):
    """The clinic does not open again: 400 closed days in a row, or no result within twenty years."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class NeverAllowed(ValueError):
    """The quiet hours of these time zones together leave no time to send a message."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class Span(NamedTuple):
    """A window on one date, in UTC: `opens` is included, `closes` is not."""

    opens: datetime
    closes: datetime


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """The calendar of one clinic. Build it once and reuse it: it caches the windows of each date.

    Its methods raise NaiveInstant for a datetime without a time zone.
    """

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
        """Whether the clinic is open. At closing time it is closed."""
        now = _utc(instant)
        today = now.astimezone(self.zone).date()
        # Tomorrow too: where clocks go back over midnight, today continues after tomorrow has begun.
        spans = (*self._spans_on(today), *self._spans_on(today + _ONE_DAY))
        return any(opens <= now < closes for opens, closes in spans)

    def next_open(self, instant: datetime) -> datetime:
        """Return the first open instant at or after `instant`. Raises NeverOpen."""
        now = _utc(instant)
        for opens, closes in self._spans_from(now):
            if now < closes:
                return max(now, opens)
        raise NeverOpen

    def add_business_time(self, instant: datetime, delta: timedelta) -> datetime:
        """Return the instant at which the clinic has been open for `delta`, in elapsed seconds.

        A delta that ends exactly at closing time is due then, not at the next opening. A delta of zero while closed
        gives the next opening. Raises NeverOpen, and ValueError when `delta` is negative.
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

    def add_business_days(self, instant: datetime, delta: timedelta) -> datetime:
        """Return the instant after `delta`, of which days on which the clinic is closed do not count.

        While it is closed, the delta counts from the next opening, and the result is never while it is closed. 24 hours
        after Friday 15:00 are Monday 15:00; after Sunday 10:00, Tuesday at the opening time. If the clinic never opens,
        plain time is added.
        """
        try:
            wall = self.local(self.next_open(instant))
            day = wall.date()
            for _ in range(delta.days):
                day = self._next_open_day(day)
            return self.next_open(self.at_wall_time(day, wall.time()) + timedelta(seconds=delta.seconds))
        except NeverOpen:
            return _utc(instant) + delta

    def add_working_time(self, instant: datetime, *, weeks: int, days: int, time: timedelta) -> datetime:
        """Return the instant after calendar weeks, then working days at the same wall time, then opening hours.

        The result is not while the clinic is closed. If it never opens, plain time is added.
        """
        if not (weeks or days):
            return self.due_after(instant, time)
        moved = self.add_business_days(self.add_wall_days(instant, weeks * 7), timedelta(days=days))
        return self.due_after(moved, time) if time else moved

    def due_after(self, instant: datetime, delta: timedelta) -> datetime:
        """Return `add_business_time`; if the clinic never opens, add plain time, so that its leads are still called."""
        try:
            return self.add_business_time(instant, delta)
        except NeverOpen:
            return _utc(instant) + delta

    def business_time_between(self, a: datetime, b: datetime) -> timedelta:
        """Return how long the clinic is open from `a` to `b`, in elapsed seconds; negative if `b` is earlier."""
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

    def spans_between(self, a: datetime, b: datetime) -> list[Span]:
        """Return the windows that overlap the time from `a` to `b`, in order."""
        start, end = _utc(a), _utc(b)
        first, last = (i.astimezone(self.zone).date() for i in (start - _ONE_DAY, end + _ONE_DAY))
        days = (first + timedelta(n) for n in range((last - first).days + 1))
        return [span for day in days for span in self._spans_on(day) if span.closes > start and span.opens < end]

    def next_allowed(self, instant: datetime, zones: Collection[ZoneInfo] = ()) -> datetime:
        """Return the first instant at or after `instant` that is outside the quiet hours of all `zones`.

        `zones` are the possible zones of the recipient; without any, the clinic's zone. Raises NeverAllowed.
        """
        now = _utc(instant)
        if self.quiet is None:
            return now
        for _ in range(_MOST_QUIET_SPANS):
            zone = _quiet_zone(self.quiet, now, zones or (self.zone,))
            if zone is None:
                return now
            now = _end_of_quiet(self.quiet, now, zone)
        raise NeverAllowed

    def local(self, instant: datetime) -> datetime:
        """Return the instant in the clinic's zone (aware)."""
        return _utc(instant).astimezone(self.zone)

    def at_wall_time(self, day: date, wall: time, zone: ZoneInfo | None = None) -> datetime:
        """Return the instant of a local date and time in `zone` (default: the clinic's zone)."""
        return instant_at(datetime.combine(day, wall.replace(tzinfo=None, fold=0)), zone or self.zone)

    def add_wall_days(self, instant: datetime, days: int) -> datetime:
        """Return the same wall time `days` later (earlier if negative), also over a clock change."""
        if not days:
            return _utc(instant)  # the second occurrence of an overlap stays where it is
        wall = self.local(instant)
        return self.at_wall_time(wall.date() + timedelta(days), wall.time())

    def add_wall_months(self, instant: datetime, months: int) -> datetime:
        """Return the same day and wall time `months` later; the last day of a month without that day."""
        wall = self.local(instant)
        return self.at_wall_time(add_months(wall.date(), months), wall.time())

    def _next_open_day(self, day: date) -> date:
        """Return the first later date on which the clinic opens. Raises NeverOpen."""
        later = (day + timedelta(ahead) for ahead in range(1, MAX_CLOSED_DAYS + 1))
        found = next((one for one in later if self._spans_on(one)), None)
        if found is None:
            raise NeverOpen
        return found

    def _spans_from(self, now: datetime) -> Iterator[Span]:
        """Yield the spans that close at `now` or later, in order, up to the search limits."""
        # Start yesterday: its last span may close at midnight today.
        day = now.astimezone(self.zone).date() - _ONE_DAY
        closed_days = 0
        for _ in range(MAX_DAYS_AHEAD):
            spans = self._spans_on(day)
            closed_days = 0 if spans else closed_days + 1
            if closed_days > MAX_CLOSED_DAYS:
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
    spans = (Span(*(instant_at(midnight + edge, zone) for edge in window)) for window in windows)
    return tuple(span for span in spans if span.opens < span.closes)  # a gap can contain a whole window


def _quiet_zone(quiet: QuietHours, now: datetime, zones: Collection[ZoneInfo]) -> ZoneInfo | None:
    return next((zone for zone in zones if quiet.cover(now.astimezone(zone).time())), None)


def _end_of_quiet(quiet: QuietHours, now: datetime, zone: ZoneInfo) -> datetime:
    local = now.astimezone(zone)
    ends_on = local.date() if local.time() < quiet.ends else local.date() + _ONE_DAY
    return _next_at(datetime.combine(ends_on, quiet.ends), now, zone)


def start_of_day(day: date, zone: ZoneInfo, *, after: datetime) -> datetime:
    """Return the first instant of a date in `zone` that is later than `after`, an instant of an earlier date."""
    return _next_at(datetime.combine(day, time.min), after, zone)


def _next_at(wall: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    first = instant_at(wall, zone)
    # During the second pass of an overlap the first occurrence is in the past: use the second.
    return first if first > after else instant_at(wall.replace(fold=1), zone)


def instant_at(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant of a local time: of a skipped one the end of the gap, of one that occurs twice by `fold`."""
    instant = wall.replace(tzinfo=zone).astimezone(UTC)
    skipped = instant.astimezone(zone).replace(tzinfo=None) != wall
    return _end_of_gap(wall, zone) if skipped else instant


def _end_of_gap(wall: datetime, zone: ZoneInfo) -> datetime:
    # With the offset after the gap, a skipped wall time is before the gap, and the reverse (PEP 495). zoneinfo lists
    # no transitions, so a binary search finds the second at which the offset changes.
    skipped = wall.replace(second=0, microsecond=0, tzinfo=zone)
    before, after = (skipped.replace(fold=fold).astimezone(UTC) for fold in (1, 0))
    gap, offset = (after - before) // timedelta(seconds=1), before.astimezone(zone).utcoffset()

    def is_after(seconds: int) -> bool:
        return (before + timedelta(seconds=seconds)).astimezone(zone).utcoffset() != offset

    return before + timedelta(seconds=bisect_left(range(gap), x=True, key=is_after))


# All arithmetic is in UTC, because Python compares and subtracts datetimes of the same ZoneInfo as wall times.
def _utc(instant: datetime) -> datetime:
    if instant.utcoffset() is None:
        raise NaiveInstant(f"{instant} has no zone")
    return instant.astimezone(UTC)

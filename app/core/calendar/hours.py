"""Opening hours, holidays and quiet hours of a clinic. `calendar` has the arithmetic on them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import date, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple, Self

from holidays import country_holidays

from app.core.validation.validation_errors import Mistake, place_of

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_MINUTE = timedelta(minutes=1)
_DAY_MINUTES = 24 * 60
_WALL_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00")


class InvalidHours(ValueError):
    """The opening hours are not valid. `mistakes` has every error."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("; ".join(map(str, mistakes)))
        self.mistakes = tuple(mistakes)


class UnknownHolidays(ValueError):
    """No holidays are known for this country or subdivision."""


class Window(NamedTuple):
    """Opening and closing on one day, each as local time since midnight (so that 24:00 exists)."""

    opens: timedelta
    closes: timedelta


@dataclass(frozen=True, slots=True)
class BusinessHours:
    """The opening windows of each weekday, Monday first. `from_json` sorts them and refuses overlaps."""

    days: tuple[tuple[Window, ...], ...]

    @classmethod
    def from_json(cls, value: object, place: str = "business_hours") -> Self:
        """Parse `{"mon": [["09:00", "12:00"], ["14:00", "18:00"]], ..., "sun": []}`. A missing day is closed.

        Raises InvalidHours, with paths such as `business_hours.mon[0]`.
        """
        if not isinstance(value, Mapping):
            raise InvalidHours([Mistake(place, "must map weekdays to lists of windows")])
        mistakes = [
            Mistake(place_of(place, str(day)), f"is not a weekday; these are {', '.join(WEEKDAYS)}")
            for day in value
            if day not in WEEKDAYS
        ]
        days = tuple(_read_day(value.get(day, ()), place_of(place, day), mistakes) for day in WEEKDAYS)
        if mistakes:
            raise InvalidHours(mistakes)
        return cls(days)

    def to_json(self) -> dict[str, list[list[str]]]:
        """Return the form that `from_json` reads, with every weekday."""
        return {
            day: [[_print_wall_time(edge) for edge in window] for window in windows]
            for day, windows in zip(WEEKDAYS, self.days, strict=True)
        }


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Local times in which no message is sent: from `starts` until before `ends`, also across midnight."""

    starts: time
    ends: time

    def __post_init__(self) -> None:
        if self.starts == self.ends:
            raise ValueError("quiet hours end at another time than they start; for none at all, use None")

    @classmethod
    def from_json(cls, value: Mapping[str, str]) -> Self:
        """Read `{"starts": "21:00", "ends": "08:00"}`. Raises ValueError."""
        return cls(time.fromisoformat(value["starts"]), time.fromisoformat(value["ends"]))

    @property
    def length(self) -> timedelta:
        """Return how long they last each day."""
        minutes = (self.ends.hour - self.starts.hour) * 60 + self.ends.minute - self.starts.minute
        return timedelta(minutes=minutes % _DAY_MINUTES)

    def cover(self, wall: time) -> bool:
        """Whether this local time is in the quiet hours."""
        if self.starts < self.ends:
            return self.starts <= wall < self.ends
        return wall >= self.starts or wall < self.ends


# No solicitation before 8 a.m. or after 9 p.m. local time at the called party's location: 47 CFR 64.1200(c)(1).
DEFAULT_QUIET = QuietHours(time(21), time(8))


@dataclass(frozen=True, slots=True)
class HolidayCalendar:
    """The dates on which a clinic is closed: public holidays (with observed ones) and its own closed dates.

    `country` is an ISO 3166-1 code, `subdivision` the part of ISO 3166-2 after the dash. Raises
    UnknownHolidays.
    """

    country: str | None = None
    subdivision: str | None = None
    _: KW_ONLY
    closed: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        # An unknown country is refused here, not at the first lookup.
        self._has_public_holiday(date(2000, 1, 1))

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and (day in self.closed or self._has_public_holiday(day))

    def _has_public_holiday(self, day: date) -> bool:
        return self.country is not None and day in _public_holidays(self.country, self.subdivision, day.year)


# One year per call, shared by all clinics of a region. The library's own lazy loading is not thread-safe:
# it marks a year as loaded before it has filled it.
@lru_cache(maxsize=4096)
def _public_holidays(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    try:
        return frozenset(country_holidays(country, subdiv=subdivision, years=year, expand=False))
    except NotImplementedError as unknown:
        raise UnknownHolidays(str(unknown)) from unknown


def _read_day(windows: object, place: str, mistakes: list[Mistake]) -> tuple[Window, ...]:
    if not isinstance(windows, list | tuple):
        mistakes.append(Mistake(place, 'must be a list of windows such as ["09:00", "18:00"]'))
        return ()
    places = (place_of(place, i) for i in range(len(windows)))
    found = ((_read_window(window, at, mistakes), at) for window, at in zip(windows, places, strict=True))
    read = sorted((window, at) for window, at in found if window)
    for (earlier, its_place), (later, later_place) in pairwise(read):
        if later.opens < earlier.closes:
            mistakes.append(Mistake(later_place, f"overlaps {its_place}"))
    return tuple(window for window, _ in read)


def _read_window(window: object, place: str, mistakes: list[Mistake]) -> Window | None:
    if not isinstance(window, list | tuple) or len(window) != len(Window._fields):
        mistakes.append(Mistake(place, 'must be a window such as ["09:00", "18:00"]'))
        return None
    opens, closes = (_read_wall_time(edge, place_of(place, i), mistakes) for i, edge in enumerate(window))
    if opens is None or closes is None:
        return None
    if closes <= opens:
        problem = f"closes at {window[1]}, not after {window[0]}; split a night at 24:00"
        mistakes.append(Mistake(place, problem))
        return None
    return Window(opens, closes)


def _read_wall_time(text: object, place: str, mistakes: list[Mistake]) -> timedelta | None:
    if not isinstance(text, str) or not _WALL_TIME.fullmatch(text):
        mistakes.append(Mistake(place, f"{text!r:.20} is not a time from 00:00 to 24:00"))
        return None
    hours, minutes = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def _print_wall_time(since_midnight: timedelta) -> str:
    hours, minutes = divmod(since_midnight // _MINUTE, 60)
    return f"{hours:02}:{minutes:02}"

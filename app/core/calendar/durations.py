"""Durations as playbooks write them: "5 minutes", "15m", "3 days", "1 day 4 hours". Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from difflib import get_close_matches
from functools import lru_cache

LONGEST = timedelta(days=3660)  # ten years; longer is a typing error
MOST_MONTHS = 120
LONGEST_SPREAD = 7 * 24 * 3600  # seconds over which retried steps or messages are spread

_UNITS = {
    "week": timedelta(weeks=1),
    "day": timedelta(days=1),
    "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1),
    "second": timedelta(seconds=1),
}
_SECONDS = {unit: length // timedelta(seconds=1) for unit, length in _UNITS.items()}
_SPELLINGS = {
    **{spelling: unit for unit in _UNITS for spelling in (unit, unit + "s", unit[0])},
    "wk": "week",
    "wks": "week",
    "hr": "hour",
    "hrs": "hour",
    "min": "minute",
    "mins": "minute",
    "sec": "second",
    "secs": "second",
}
_CALENDAR_UNITS = {"month": "30 days", "quarter": "90 days", "year": "365 days"}
_ALLOWED = "weeks, days, hours, minutes, seconds (or w, d, h, m, s)"
_SHOWN = 40  # most characters of the input that an error message quotes
_MONTHS = re.compile(r"\s*([0-9]{1,6})\s*(?:months?|mo)\b", re.IGNORECASE)
_PART = re.compile(r"\s*([0-9]{1,12})\s*([A-Za-z]+)")


@dataclass(frozen=True, slots=True)
class Wait:
    """A waiting time of a rule: calendar months, then a duration."""

    months: int = 0
    time: timedelta = timedelta()
    weeks: int = field(default=0, compare=False)  # as written; they are part of `time`
    days: int = field(default=0, compare=False)  # as written; they are part of `time`

    @property
    def less_than_a_day(self) -> timedelta:
        """The time that is written in hours, minutes and seconds: of `1 day 24 hours` the 24 hours."""
        return self.time - timedelta(weeks=self.weeks, days=self.days)

    @property
    def is_of_days(self) -> bool:
        """Whether it is whole days, so that a time of day can be combined with it."""
        return bool(self) and not self.time % _UNITS["day"]

    def __bool__(self) -> bool:
        return bool(self.months or self.time)

    def __str__(self) -> str:
        parts = [_count(self.months, "month")] if self.months else []
        return " ".join([*parts, format_duration(self.time)] if self.time or not parts else parts)


class InvalidDuration(ValueError):
    """Not a duration such as "5 minutes", "24 hours" or "1 day 4 hours"."""


@lru_cache(maxsize=1024)  # rules repeat the same few values with every event
def parse_duration(text: str) -> timedelta:
    """Parse whole numbers of weeks, days, hours, minutes and seconds. Each unit may occur once, in any case.

    A day is 24 hours, a week 7 days. From zero to ten years. Raises InvalidDuration.
    """
    amounts = _amounts(text)
    # In whole seconds: a timedelta of 999999999 weeks would overflow before it could be compared.
    seconds = sum(amount * _SECONDS[unit] for unit, amount in amounts.items())
    if seconds > LONGEST.total_seconds():
        raise _error(text, f"is longer than {LONGEST.days} days")
    return timedelta(seconds=seconds)


def _amounts(text: str) -> dict[str, int]:
    amounts: dict[str, int] = {}
    for amount, spelling in _parts(text):
        unit = _unit(spelling, text)
        if unit in amounts:
            raise _error(text, f"names {unit}s twice")
        amounts[unit] = amount
    return amounts


def parse_wait(text: str) -> Wait:
    """Parse a duration with optional months before it: "1 month", "2 months 3 days". Raises InvalidDuration."""
    months = _MONTHS.match(text)
    if months is None:
        return _wait(0, text)
    if int(months[1]) > MOST_MONTHS:
        raise _error(text, f"is longer than {MOST_MONTHS} months")
    rest = text[months.end() :]
    return _wait(int(months[1]), rest) if rest.strip() else Wait(int(months[1]))


def _wait(months: int, text: str) -> Wait:
    time, amounts = parse_duration(text), _amounts(text)
    return Wait(months, time, weeks=amounts.get("week", 0), days=amounts.get("day", 0))


def format_duration(duration: timedelta) -> str:
    """Format a duration so that `parse_duration` can read it: "1 day 4 hours". Fractions of a second are dropped.

    Raises InvalidDuration when it is negative.
    """
    if duration < timedelta():
        raise InvalidDuration(f"{duration} is negative: a duration is zero or more")
    rest = duration - timedelta(microseconds=duration.microseconds)
    if rest and not rest % _UNITS["week"]:
        return _count(rest // _UNITS["week"], "week")
    parts = []
    for unit in ("day", "hour", "minute", "second"):
        amount, rest = divmod(rest, _UNITS[unit])
        if amount:
            parts.append(_count(amount, unit))
    return " ".join(parts) or "0 minutes"


def _parts(text: str) -> Iterator[tuple[int, str]]:
    stripped = text.strip()
    if stripped.startswith("-"):
        raise _error(text, "is negative: a duration is zero or more")
    if not stripped:
        raise _error(text, "is empty")
    at = 0
    while at < len(stripped):
        part = _PART.match(stripped, at)
        if part is None:
            raise _error(text, f"is not whole numbers with units: {_ALLOWED}")
        yield int(part[1]), part[2].lower()
        at = part.end()


def _unit(spelling: str, text: str) -> str:
    if unit := _SPELLINGS.get(spelling):
        return unit
    if instead := _CALENDAR_UNITS.get(spelling.removesuffix("s")):
        raise _error(text, f"has no fixed length in {spelling}; write days instead, such as {instead!r}")
    closest = get_close_matches(spelling, (s for s in _SPELLINGS if len(s) > 1), n=1)
    hint = f" did you mean {closest[0]!r}?" if closest else ""
    raise _error(text, f"has an unknown unit {spelling[:20]!r};{hint} allowed are {_ALLOWED}")


def _error(text: str, what: str) -> InvalidDuration:
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
    return InvalidDuration(f"{shown!r} {what}")


def _count(amount: int, unit: str) -> str:
    return f"{amount} {unit}" if amount == 1 else f"{amount} {unit}s"

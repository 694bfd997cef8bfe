"""Small checks that all parts of a playbook are made of; each gives its mistakes with their places."""

import re
from collections.abc import Iterable, Mapping
from datetime import time
from typing import Any

from app.core.calendar.durations import InvalidDuration, parse_duration, parse_wait
from app.core.validation.mistakes import Mistake, one_of

LONGEST_TITLE, LONGEST_SLUG = 200, 100
MOST_HOURS = 24
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def keys(value: Mapping[str, Any], allowed: Iterable[str], place: str, needed: Iterable[str] = ()) -> list[Mistake]:
    """Keys that are not known, and those that are missing."""
    known = frozenset(allowed)
    unknown = [m for key in value for m in one_of(key, known, f"{place}.{key}".lstrip("."))]
    return unknown + [Mistake(f"{place}.{key}".lstrip("."), "is missing") for key in sorted(set(needed) - set(value))]


def text(settings: Mapping[str, Any], key: str, place: str, *, longest: int = LONGEST_TITLE) -> list[Mistake]:
    """One line of 1 to `longest` characters, if it is there."""
    value = settings.get(key, "that it is missing is said elsewhere")
    if not isinstance(value, str) or not value.strip() or not value.isprintable() or len(value) > longest:
        return [Mistake(place, f"must be text in one line, of at most {longest} characters")]
    return []


def truth(settings: Mapping[str, Any], key: str, place: str) -> list[Mistake]:
    """True or false, if it is there."""
    return [] if isinstance(settings.get(key, False), bool) else [Mistake(f"{place}.{key}", "must be true or false")]


def number(value: object, place: str, *, least: int, most: int) -> list[Mistake]:
    """A whole number between both."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if is_whole and least <= value <= most:  # type: ignore[operator]
        return []
    return [Mistake(place, f"must be a whole number from {least} to {most}")]


def duration(value: object, place: str) -> list[Mistake]:
    """Such as "15 minutes"."""
    try:
        parse_duration(str(value))
    except InvalidDuration as error:
        return [Mistake(place, str(error))]
    return []


def wait(value: object, place: str) -> list[Mistake]:
    """Such as "15 minutes", or "2 months"."""
    try:
        parse_wait(str(value))
    except InvalidDuration as error:
        return [Mistake(place, str(error))]
    return []


def hour(value: object, place: str) -> list[Mistake]:
    """Such as "09:00"; in quotes, for YAML reads 09:00 as a number."""
    try:
        is_right = isinstance(value, str) and len(value) == len("09:00") and time.fromisoformat(value) is not None
    except ValueError:
        is_right = False
    return [] if is_right else [Mistake(place, 'must be an hour of the day in quotes, such as "09:00"')]


def hours(value: object, place: str) -> list[Mistake]:
    """An hour, or several of them."""
    if not isinstance(value, list):
        return hour(value, place)
    if not 1 <= len(value) <= MOST_HOURS:
        return [Mistake(place, f"must be a list of 1 to {MOST_HOURS} hours of the day")]
    return [mistake for i, one in enumerate(value) for mistake in hour(one, f"{place}[{i}]")]


def listed(value: object) -> list[Any]:
    """A list as it is, anything else as a list of one."""
    return value if isinstance(value, list) else [value]

"""A shipped playbook with waits of seconds instead of hours and days, in the same order of length.

All steps run in their usual order within 15 seconds. Times of day and days of the month are removed, and repeated steps
run once. Delays from a date of the lead and due times of tasks do not change, so no task becomes overdue.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

import yaml

from app.automation.playbooks import shipped
from app.automation.playbooks.installing import as_document
from app.core.calendar.durations import parse_wait

# Seconds of the shortest wait. For rules it leaves time for the calls that stop them, even on a slow machine.
_SHORTEST: Final = {"rules": 3, "sequences": 1}
_WAITS: Final = frozenset({"after", "time", "skip_when_later_than"})
_KEPT: Final = frozenset({"due", "before_due", "re_entry"})
_DROPPED: Final = frozenset({"at", "on_day", "zone", "clock", "every"})

_Seconds = Mapping[timedelta, int]


def shortened(name: str) -> str:
    """Return the playbook of that name as YAML for the import."""
    document = as_document(shipped.load(name))
    quick = {part: _quick(document[part], shortest) for part, shortest in _SHORTEST.items() if part in document}
    return yaml.safe_dump({**document, **quick}, sort_keys=False)


def _quick(part: Any, shortest: int) -> Any:
    lengths = sorted({_length(wait) for wait in _waits(part)})
    return _shorter(part, {length: shortest + i for i, length in enumerate(lengths)})


def _waits(part: Any) -> Iterator[str]:
    """Yield all waits at any depth."""
    if isinstance(part, list):
        for one in part:
            yield from _waits(one)
    elif isinstance(part, Mapping) and "of" not in part:
        for key, value in part.items():
            if key in _WAITS and isinstance(value, str):
                yield value
            elif key not in _KEPT:
                yield from _waits(value)


def _shorter(part: Any, seconds: _Seconds) -> Any:
    if isinstance(part, list):
        return [_shorter(one, seconds) for one in part]
    if not isinstance(part, Mapping) or "of" in part:
        return part
    written = {key: _shorter_value(key, value, seconds) for key, value in part.items() if key not in _DROPPED}
    return {key: value for key, value in written.items() if value != {} or part[key] == {}}


def _shorter_value(key: str, value: Any, seconds: _Seconds) -> Any:
    if key in _KEPT:
        return value
    is_wait = key in _WAITS and isinstance(value, str)
    return f"{seconds[_length(value)]} seconds" if is_wait else _shorter(value, seconds)


def _length(wait: str) -> timedelta:
    read = parse_wait(wait)
    return read.time + timedelta(days=30 * read.months)

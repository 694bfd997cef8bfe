"""Differences between two JSON values, by JSON pointer. Pure."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple


class Change(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class Difference(NamedTuple):
    """One difference: a JSON pointer (RFC 6901), the old value and the new value."""

    change: Change
    pointer: str
    before: Any = None
    after: Any = None


def json_diff(before: object, after: object, pointer: str = "") -> Iterator[Difference]:
    """Yield the differences in the order of their pointers. Objects and lists are compared item by item."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _parts(before, after, pointer)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _parts(dict(enumerate(before)), dict(enumerate(after)), pointer)
    elif before != after:
        yield Difference(Change.CHANGED, pointer, before, after)


def _parts(before: Mapping[Any, Any], after: Mapping[Any, Any], pointer: str) -> Iterator[Difference]:
    for name in sorted(before.keys() | after.keys()):
        place = f"{pointer}/{_escaped(str(name))}"
        if name not in after:
            yield Difference(Change.REMOVED, place, before=before[name])
        elif name not in before:
            yield Difference(Change.ADDED, place, after=after[name])
        else:
            yield from json_diff(before[name], after[name], place)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")

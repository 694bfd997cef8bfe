"""Keys: what an enrollment is about, such as one invoice of several. Pure.

A definition names a value of custom events: `event.data.invoice`. A key is that name and the value in one text:
`invoice=A`. An event is about the keys of all its values; an event without values is about the whole lead.
"""

import json
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from app.core.type_aliases import JsonObject

PREFIX: Final = "event.data."  # of the path in a definition
DATA: Final = "data."  # of the fact in an event
LONGEST_KEY: Final = 200  # of the value


class NamedKey(NamedTuple):
    """A key in its two parts."""

    name: str
    value: str


def key_name(path: str) -> str:
    """Return the name in a path: `invoice` of `event.data.invoice`."""
    return path.removeprefix(PREFIX)


def key(path: str, value: str) -> str:
    """Return the key for this value of the event's field at `path`."""
    return f"{key_name(path)}={value}"


def parts(written: str) -> NamedKey | None:
    """Return the name and value of a key; None of an empty one."""
    name, _, value = written.partition("=")
    return NamedKey(name, value) if written else None


def in_words(written: str | None) -> str | None:
    """Return a key in words: `invoice A`; None without one."""
    named = parts(written or "")
    return f"{named.name.replace('_', ' ')} {named.value}" if named else None


def keys_in(facts: JsonObject) -> list[str]:
    """Return the keys of a custom event with these facts (its group `event`)."""
    given = ((name.removeprefix(DATA), _text(value)) for name, value in facts.items() if name.startswith(DATA))
    return [key(name, value) for name, value in given if value]


def key_at(path: str, keys: Collection[str] | None) -> str | None:
    """Return the one of an event's keys that belongs to this field; None if the event has no value there."""
    prefix = key(path, "")
    return next((one for one in keys or () if one.startswith(prefix)), None)


def concerns(keys: Collection[str] | None, own: str | None) -> bool:
    """Return whether an event about these keys (None: about the whole lead) concerns what has this key."""
    return not own or keys is None or own in keys


def as_json(keys: Collection[str] | None) -> str | None:
    """Return the keys of an event as a parameter of SQL: JSON, because an array cannot hold lists of any length."""
    return None if keys is None else json.dumps(list(keys))


def event_key(cause: Mapping[str, object]) -> str | None:
    """Return the key of the enrollment that a step with this cause belongs to or begins; None without one."""
    found = cause.get("key")
    return str(found) if found else None


def _text(value: object) -> str:
    """Return a value as text: 7 and 7.0 are equal, as they are in JSON. Empty, if it can name nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
    return text if len(text) <= LONGEST_KEY else ""

"""Validation of definitions: every mistake with its path, the allowed values and the closest one."""

import math
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from app.automation.language.known_names import ANY_NAME, KnownNames
from app.automation.language.types.errors import Loc, lines_of
from app.core.validation.validation_errors import Mistake, place_of

_UNWRITABLE = re.compile("[\0\ud800-\udfff]")


def mistakes_in(type_: object, definition: object, known: KnownNames = ANY_NAME, *, place: str = "") -> list[Mistake]:
    """Return the mistakes of a definition of this model or type, at most one for each path.

    `place` is the path of the definition itself, such as `rules[2]`.
    """
    not_plain = list(_not_plain(definition))
    if not_plain:
        return [Mistake(place_of(place, *loc), problem) for loc, problem in not_plain]
    try:
        _adapter(type_).validate_python(definition, context=known)
    except ValidationError as error:
        found = (Mistake(place_of(place, *line.loc), line.problem) for line in lines_of(error))
        return first_of_each_place(found)
    return []


def first_of_each_place(mistakes: Iterable[Mistake]) -> list[Mistake]:
    """Keep the first mistake of each path."""
    first: dict[str, Mistake] = {}
    for mistake in mistakes:
        first.setdefault(mistake.place, mistake)
    return list(first.values())


@lru_cache(maxsize=64)
def _adapter(type_: Any) -> TypeAdapter[Any]:
    return TypeAdapter(type_)


def _not_plain(document: object) -> Iterator[tuple[Loc, str]]:
    """Yield the values that are not text, a number, true, false, null, or a list or mapping of such values."""
    found: list[tuple[Loc, str]] = []
    seen: set[int] = set()
    waiting: list[tuple[Loc, object]] = [((), document)]
    while waiting:  # no recursion: with YAML anchors a document can contain itself, or one part a billion times
        loc, value = waiting.pop()
        if isinstance(value, dict | list):
            if id(value) not in seen:
                seen.add(id(value))
                waiting += _parts(value, loc)
        elif problem := _problem(value):
            found.append((loc, problem))
    yield from reversed(found)


def _parts(value: dict[Any, Any] | list[Any], loc: Loc) -> Iterator[tuple[Loc, object]]:
    if isinstance(value, list):
        yield from (((*loc, i), part) for i, part in enumerate(value))
        return
    for key, part in value.items():
        if not isinstance(key, str):
            yield loc, key
        yield (*loc, str(key)), part


def _problem(value: object) -> str | None:
    if isinstance(value, str):
        return "holds a character that cannot be stored" if _UNWRITABLE.search(value) else None
    if value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return None
    return f"is {value!r:.40}, neither text nor a number; text can be put in quotes"

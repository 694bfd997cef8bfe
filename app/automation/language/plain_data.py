"""Whether a document is plain data: what JSON can say and the database can keep."""

import math
import re
from collections.abc import Iterator
from typing import Any

from app.core.validation.mistakes import Mistake

_UNWRITABLE = re.compile("[\0\ud800-\udfff]")


def check(document: object) -> list[Mistake]:
    """Every value that is no text, number, truth value, list or mapping of those, with its place."""
    mistakes: list[Mistake] = []
    seen: set[int] = set()
    waiting: list[tuple[str, object]] = [("", document)]
    while waiting:  # not by recursion: YAML's anchors let a document hold itself, or one part a billion times
        place, value = waiting.pop()
        if isinstance(value, dict | list):
            if id(value) not in seen:
                seen.add(id(value))
                waiting += _parts(value, place)
        elif problem := _problem(value):
            mistakes.append(Mistake(place or "playbook", problem))
    return mistakes[::-1]


def _parts(value: dict[Any, Any] | list[Any], place: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, list):
        yield from ((f"{place}[{i}]", part) for i, part in enumerate(value))
        return
    for key, part in value.items():
        if not isinstance(key, str):
            yield place, key
        yield f"{place}.{key}".removeprefix("."), part


def _problem(value: object) -> str | None:
    if isinstance(value, str):
        return "holds a character that cannot be stored" if _UNWRITABLE.search(value) else None
    if value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return None
    return f"is {value!r:.40}, neither text nor a number; text can be put in quotes"

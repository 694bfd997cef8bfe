"""Validation errors in playbooks, rules and sequences, each with its path and the closest allowed value."""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from app.core.validation.json_pointer import pointer

_PLAIN_KEY: Final = re.compile(r'[^.\[\]"]+')
# An index, a quoted key or a plain key.
_PART: Final = re.compile(r'\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([^.\[\]"]+)')


@dataclass(frozen=True, slots=True)
class Mistake:
    """One validation error. `place` is a path, as `place_of` writes it."""

    place: str
    problem: str

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}"

    @property
    def pointer(self) -> str:
        """Return the place as a JSON pointer: `/rules/2/do/0/create_task/type`."""
        return pointer(*parts_of(self.place))


class InvalidPlaybook(ValueError):
    """The playbook is not valid. `mistakes` has every validation error."""

    def __init__(self, mistakes: Collection[Mistake]) -> None:
        super().__init__("; ".join(map(str, mistakes)))
        self.mistakes = tuple(mistakes)


def place_of(parent: str, *parts: str | int) -> str:
    """Return the path of a part, such as `rules[2].do[0].create_task`.

    A key with dots is quoted: `facts["lead.score"]`.
    """
    place = parent
    for part in parts:
        if isinstance(part, int):
            place += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            place += f".{part}" if place else part
        else:
            place += f"[{json.dumps(part, ensure_ascii=False)}]"
    return place


def parts_of(place: str) -> tuple[str | int, ...]:
    """Return the keys and indexes of a path; the reverse of `place_of`."""
    return tuple(
        int(index) if index else json.loads(quoted) if quoted else key for index, quoted, key in _PART.findall(place)
    )


def one_of(value: object, allowed: Collection[str], place: str) -> list[Mistake]:
    """Return no error if `value` is allowed; else one that lists the allowed values and suggests the closest."""
    return [] if isinstance(value, str) and value in allowed else [Mistake(place, not_known(value, allowed))]


def not_known(value: object, allowed: Collection[str]) -> str:
    """Say that a value is not known, what may have been meant, and what is allowed."""
    close = closest(value, allowed)
    hint = f"did you mean {str(close)!r}? " if close is not None else ""
    return f"{value!r} is not known; {hint}allowed: {listed(sorted(allowed))}"


def closest(value: object, allowed: Collection[str]) -> str | None:
    """Return the allowed value that was probably meant, if there is one."""
    return next(iter(_close(value, allowed, 0.6)), None)


def listed(allowed: Collection[str]) -> str:
    """Return all allowed values as text."""
    return ", ".join(map(str, allowed))


def _close(value: object, allowed: Collection[str], cutoff: float) -> list[str]:
    folded = {str(one).casefold(): one for one in allowed}
    return [folded[name] for name in get_close_matches(str(value).casefold(), folded, n=3, cutoff=cutoff)]

"""Validation errors in playbooks, rules and sequences, each with its path and the closest allowed value."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from app.core.validation.json_pointer import pointer

_PART: Final = re.compile(r"[^.\[\]]+")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One validation error. `place` is a path such as `rules[2].do[0].create_task.type`."""

    place: str
    problem: str

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}"

    @property
    def pointer(self) -> str:
        """Return the place as a JSON pointer: `/rules/2/do/0/create_task/type`."""
        return pointer(*_PART.findall(self.place))


class InvalidPlaybook(ValueError):
    """The playbook is not valid. `mistakes` has every validation error."""

    def __init__(self, mistakes: Collection[Mistake]) -> None:
        super().__init__("; ".join(map(str, mistakes)))
        self.mistakes = tuple(mistakes)


def one_of(value: object, allowed: Collection[str], place: str) -> list[Mistake]:
    """Return no error if `value` is allowed; else one that lists the allowed values and suggests the closest."""
    return [] if isinstance(value, str) and value in allowed else [Mistake(place, not_known(value, allowed))]


def not_known(value: object, allowed: Collection[str]) -> str:
    """Say that a value is not known, what may have been meant, and what is allowed."""
    folded = {str(one).casefold(): one for one in allowed}
    close = get_close_matches(str(value).casefold(), folded, n=1)
    hint = f"did you mean {str(folded[close[0]])!r}? " if close else ""
    return f"{value!r} is not known; {hint}allowed: {', '.join(sorted(allowed))}"

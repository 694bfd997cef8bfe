"""Mistakes in a playbook, each with the path to it and the closest thing that would be right."""

from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Mistake:
    """`place` reads like `rules[2].do[0].create_task.type`."""

    place: str
    problem: str

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}"


class InvalidPlaybook(ValueError):
    """The playbook has mistakes."""

    def __init__(self, mistakes: Collection[Mistake]) -> None:
        super().__init__("; ".join(map(str, mistakes)))
        self.mistakes = tuple(mistakes)


def one_of(value: object, allowed: Collection[str], place: str) -> list[Mistake]:
    """No mistake when `value` is allowed; else one that names what is, the closest first."""
    if isinstance(value, str) and value in allowed:
        return []
    close = get_close_matches(str(value), allowed, n=1)
    hint = f"did you mean {str(close[0])!r}? " if close else ""
    return [Mistake(place, f"{value!r} is not known; {hint}allowed: {', '.join(sorted(allowed))}")]

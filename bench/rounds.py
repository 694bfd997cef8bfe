"""Measure all contestants in rounds, so that other load on the machine affects all of them equally."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from bench.figures import Row, readable, row


class Named(Protocol):
    name: str


Subject = TypeVar("Subject", bound=Named)


def in_rounds(subjects: Sequence[Subject], runs: int, measure: Callable[[Subject], Mapping[str, float]]) -> list[Row]:
    """Measure each contestant once in each of `runs` rounds. Returns one row each, in the given order."""
    measured: dict[str, list[Mapping[str, float]]] = {subject.name: [] for subject in subjects}
    for number in range(runs):
        for subject in subjects:
            figures = measure(subject)
            _tell(f"round {number + 1} of {runs}, {subject.name}", figures)
            measured[subject.name].append(figures)
    return [row(name, values) for name, values in measured.items()]


def _tell(what: str, figures: Mapping[str, float]) -> None:
    print(f"{what}:", ", ".join(f"{title} {readable(value)}" for title, value in figures.items()), file=sys.stderr)

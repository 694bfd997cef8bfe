"""What a scenario hands back: rows of figures, each the median of its runs with the least and the greatest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median


@dataclass(frozen=True)
class Figure:
    """One column of one row: the values of every run, in the unit named by the column's title."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def low(self) -> float:
        return min(self.values)

    @property
    def high(self) -> float:
        return max(self.values)

    def __str__(self) -> str:
        if len(self.values) == 1:
            return readable(self.median)
        return f"**{readable(self.median)}** ({readable(self.low)} to {readable(self.high)})"


@dataclass(frozen=True)
class Row:
    """One line of a scenario's table. `figures` maps a column's title ("jobs/s") to its figure."""

    name: str
    figures: Mapping[str, Figure]
    note: str = ""


def row(name: str, runs: Sequence[Mapping[str, float]], *, note: str = "") -> Row:
    """Gather the runs of one contestant, each a mapping from column title to value, into its row."""
    return Row(name, {title: Figure(tuple(run[title] for run in runs)) for title in runs[0]}, note)


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: a value that was measured, never one between two."""
    ranked = sorted(values)
    return ranked[max(1, ceil(len(ranked) * percent / 100)) - 1]


def readable(value: float) -> str:
    """Three significant digits at most, thousands grouped: 0.42, 7.1, 58, 1,234."""
    if abs(value) < 1:
        return f"{value:.2f}"
    return f"{value:.1f}" if abs(value) < 10 else f"{value:,.0f}"

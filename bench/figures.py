"""Results of a scenario: rows of figures, each the median of its runs with minimum and maximum."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median


@dataclass(frozen=True)
class Figure:
    """One cell: the values of all runs, in the unit of the column's title."""

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
    """Build a contestant's row from its runs, each a mapping from column title to value."""
    return Row(name, {title: Figure(tuple(run[title] for run in runs)) for title in runs[0]}, note)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile: always a measured value."""
    ranked = sorted(values)
    return ranked[max(1, ceil(len(ranked) * percent / 100)) - 1]


def readable(value: float) -> str:
    """Format with at most three significant digits and grouped thousands: 0.42, 7.1, 58, 1,234."""
    if abs(value) < 1:
        return f"{value:.2f}"
    return f"{value:.1f}" if abs(value) < 10 else f"{value:,.0f}"

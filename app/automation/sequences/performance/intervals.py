"""Confidence intervals of proportions. Pure.

Wilson's interval holds for small samples and for proportions near 0 and 1, unlike the normal approximation (Newcombe,
Statistics in Medicine 17, 1998). `sequential` has the intervals of differences.
"""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Final, NamedTuple

CONFIDENCE: Final = 0.95


class Interval(NamedTuple):
    """Interval from `low` to `high`. Proportions are 0 to 1, differences -1 to 1."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Share:
    """A proportion: `count` out of `of`."""

    count: int
    of: int

    @property
    def rate(self) -> float:
        """The proportion, 0 to 1. Raises ZeroDivisionError if `of` is 0."""
        return self.count / self.of


def wilson(share: Share, *, confidence: float = CONFIDENCE) -> Interval:
    """Return the Wilson interval of the true proportion. Raises ZeroDivisionError."""
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    middle = share.count + z * z / 2
    margin = z * sqrt(share.count * (1 - share.rate) + z * z / 4)
    total = share.of + z * z
    return Interval(max((middle - margin) / total, 0.0), min((middle + margin) / total, 1.0))


def shared_confidence(comparisons: int, *, confidence: float = CONFIDENCE) -> float:
    """Return the confidence of each comparison so that all hold together (Bonferroni correction)."""
    return 1 - (1 - confidence) / max(comparisons, 1)

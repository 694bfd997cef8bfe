"""How sure a share is, and the difference of two of them. Pure.

Wilson's interval, and Newcombe's for a difference, which is made of two of his: both hold for small numbers and for
shares near none and all, where the usual textbook formula does not (Newcombe, Statistics in Medicine 17, 1998).
"""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Final, NamedTuple

CONFIDENCE: Final = 0.95


class Interval(NamedTuple):
    """From `low` to `high`; shares lie from 0 to 1, differences from -1 to 1."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Share:
    """How many of how many."""

    count: int
    of: int

    @property
    def rate(self) -> float:
        """From 0 to 1. Raises ZeroDivisionError where there is nothing to be a share of."""
        return self.count / self.of


def wilson(share: Share, *, confidence: float = CONFIDENCE) -> Interval:
    """Where the true share lies. Raises ZeroDivisionError."""
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    middle = share.count + z * z / 2
    reach = z * sqrt(share.count * (1 - share.rate) + z * z / 4)
    whole = share.of + z * z
    return Interval(max((middle - reach) / whole, 0.0), min((middle + reach) / whole, 1.0))


def difference(one: Share, other: Share, *, confidence: float = CONFIDENCE) -> Interval:
    """Where `one` less `other` lies. Raises ZeroDivisionError."""
    seen = one.rate - other.rate
    mine, theirs = wilson(one, confidence=confidence), wilson(other, confidence=confidence)
    down = sqrt((one.rate - mine.low) ** 2 + (theirs.high - other.rate) ** 2)
    up = sqrt((mine.high - one.rate) ** 2 + (other.rate - theirs.low) ** 2)
    return Interval(seen - down, seen + up)


def shared_confidence(comparisons: int, *, confidence: float = CONFIDENCE) -> float:
    """What each of so many has to hold by, for all of them to hold together (Bonferroni)."""
    return 1 - (1 - confidence) / max(comparisons, 1)

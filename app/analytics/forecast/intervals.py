"""Intervals of counts and sums that vary more than by chance alone. Pure."""

from collections.abc import Sequence
from math import ceil, exp, floor, log, sqrt
from statistics import NormalDist
from typing import Final, NamedTuple

CONFIDENCE: Final = 0.8
NORMAL_REACH: Final = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)  # of an interval, in standard deviations
_SHIFT: Final = 0.375  # Anscombe's: with it the square root of a Poisson count has the same deviation at any mean


class Interval(NamedTuple):
    """The true value lies between `low` and `high`, both included, in 80 % of the cases."""

    low: float
    high: float


def distance(came: float, expected: float) -> float:
    """Return how far a count is from its expectation, on a scale on which a Poisson count has the deviation 1."""
    return 2 * (_root(came) - _root(expected))


def count_interval(expected: float, reach: float) -> Interval:
    """Return the whole numbers within this `distance` of the expectation, and those next to the expectation."""
    middle = _root(expected)
    low, high = max(middle - reach / 2, 0.0) ** 2 - _SHIFT, (middle + reach / 2) ** 2 - _SHIFT
    return Interval(max(min(ceil(low), floor(expected)), 0), max(floor(high), ceil(expected)))


def sum_interval(mean: float, variance: float) -> Interval:
    """Return the interval of a sum of values, at least 0, by a log-normal distribution with this mean and variance."""
    if mean <= 0:
        return Interval(0, 0)
    spread = sqrt(log(1 + variance / mean**2))
    middle, reach = log(mean) - spread**2 / 2, NORMAL_REACH * spread
    return Interval(exp(middle - reach), exp(middle + reach))


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the value below which this share of the ordered values lies."""
    place = max(share * len(ordered) - 0.5, 0.0)
    first = floor(place)
    last = min(first + 1, len(ordered) - 1)
    return ordered[first] + (ordered[last] - ordered[first]) * (place - first)


def _root(count: float) -> float:
    return sqrt(count + _SHIFT)

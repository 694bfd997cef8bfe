"""Intervals of counts and sums that vary more than by chance alone. Pure."""

from math import exp, log, sqrt
from statistics import NormalDist
from typing import Final, NamedTuple

CONFIDENCE: Final = 0.8
_POISSON: Final = 1.01  # variance by mean below which a count is Poisson
_MOST: Final = 100_000
_SMALLEST: Final = -700.0  # logarithms below it have no floating-point number


class Interval(NamedTuple):
    """The true value lies between `low` and `high`, both included, in 80 % of the cases."""

    low: float
    high: float


def count_interval(mean: float, dispersion: float) -> Interval:
    """Return the interval of a count. `dispersion`: its variance divided by its mean, at least 1.

    The count is Poisson, or negative binomial if it varies more. Chances follow from the one of 0, whose logarithm is
    `none`.
    """
    none = (
        -mean if dispersion < _POISSON else -mean * log(dispersion) / (dispersion - 1)
    )  # logarithm of the chance of 0
    if none < _SMALLEST:
        return _normal(mean, sqrt(mean * dispersion))
    tail = (1 - CONFIDENCE) / 2
    low, chance, total = None, exp(none), 0.0
    for count in range(_MOST):
        total += chance
        if low is None and total > tail:
            low = count
        if total >= 1 - tail:
            return Interval(low or 0, count)
        chance *= (mean + count * (dispersion - 1)) / (dispersion * (count + 1))
    return _normal(mean, sqrt(mean * dispersion))


def sum_interval(mean: float, variance: float) -> Interval:
    """Return the interval of a sum of values, at least 0, by a log-normal distribution with this mean and variance."""
    if mean <= 0:
        return Interval(0, 0)
    spread = sqrt(log(1 + variance / mean**2))
    middle, reach = log(mean) - spread**2 / 2, NormalDist().inv_cdf(0.5 + CONFIDENCE / 2) * spread
    return Interval(exp(middle - reach), exp(middle + reach))


def _normal(mean: float, deviation: float) -> Interval:
    reach = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2) * deviation
    return Interval(max(mean - reach, 0), mean + reach)

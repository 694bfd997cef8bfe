"""Always-valid statistics for A/B tests: they hold however often a person looks, and whenever the test stops. Pure.

The interval of a difference is that of the mixture SPRT with a normal mixture (Robbins 1970; Johari and others 2017).
The alarm for shares of variants is the multinomial mixture SPRT (Lindon and Malek 2022). The usual intervals hold for a
single look: of tests without any difference, looked at daily for a month, they declare a winner in every third.
"""

from collections.abc import Sequence
from math import exp, lgamma, log, sqrt
from typing import Final

from app.automation.sequences.performance.intervals import CONFIDENCE, Interval, Share

_USUAL_DIFFERENCE: Final = 0.05  # differences that tests find soonest; for others the interval is wider, never wrong
_MIXTURE: Final = 1 / _USUAL_DIFFERENCE**2
_PRIOR_MESSAGES: Final = 100.0  # weight of the intended shares in the mixture
ALARM: Final = 0.001  # chance of a false alarm, however often a person looks


def always_valid_difference(one: Share, other: Share, *, confidence: float = CONFIDENCE) -> Interval:
    """Return the interval of `one` minus `other` that holds at all times together. Raises ZeroDivisionError."""
    observed = one.rate - other.rate
    information = 1 / (_variance(one) + _variance(other))
    spread = information + _MIXTURE
    reach = sqrt(spread * log(spread / (_MIXTURE * (1 - confidence) ** 2))) / information
    return Interval(max(observed - reach, -1.0), min(observed + reach, 1.0))


def _variance(share: Share) -> float:
    """Return the variance of the rate, with one success and one failure more, so that 0 of 30 is not certain."""
    rate = (share.count + 1) / (share.of + 2)
    return rate * (1 - rate) / share.of


def chance_of_shares(counts: Sequence[int], weights: Sequence[int]) -> float:
    """Return the chance, at any look, of shares of variants at least so far from their weights: 0 to 1."""
    total = sum(weights)
    shares = [weight / total for weight in weights]
    priors = [_PRIOR_MESSAGES * share for share in shares]
    odds = _log_beta([prior + count for prior, count in zip(priors, counts, strict=True)]) - _log_beta(priors)
    odds -= sum(count * log(share) for count, share in zip(counts, shares, strict=True))
    return min(1.0, exp(-odds))


def _log_beta(values: Sequence[float]) -> float:
    return sum(lgamma(value) for value in values) - lgamma(sum(values))

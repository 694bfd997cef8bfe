"""Comparison of a step's variants (A/B test), with significance. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.automation.sequences.performance.intervals import Share, difference, shared_confidence

LEAST: Final = 30  # messages of each variant that a comparison needs


class Verdict(StrEnum):
    """Result of a comparison."""

    NOT_ENOUGH_DATA = "not_enough_data"
    NO_DIFFERENCE = "no_difference"  # not significant
    BETTER = "better"
    WORSE = "worse"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A variant compared with the first one. `difference`, `low` and `high` are proportions from -1 to 1."""

    variant: str
    against: str
    measure: str
    verdict: Verdict
    confidence: float
    words: str
    difference: float | None = None
    low: float | None = None
    high: float | None = None


def compare(measure: str, shares: Mapping[str, Share]) -> Sequence[Comparison]:
    """Compare each variant with the first one, at 95 % confidence for all comparisons together."""
    (first, base), *others = shares.items()
    confidence = shared_confidence(len(others))
    return [_compare((variant, share), (first, base), measure, confidence) for variant, share in others]


def _compare(one: tuple[str, Share], base: tuple[str, Share], measure: str, confidence: float) -> Comparison:
    (variant, share), (against, other) = one, base
    if min(share.of, other.of) < LEAST:
        words = f"Not enough data: {share.of} and {other.of} messages, and {LEAST} of each are needed."
        return Comparison(variant, against, measure, Verdict.NOT_ENOUGH_DATA, confidence, words)
    low, high = difference(share, other, confidence=confidence)
    verdict = Verdict.BETTER if low > 0 else Verdict.WORSE if high < 0 else Verdict.NO_DIFFERENCE
    words = _words(one, base, measure, verdict, low=low, high=high)
    observed = share.rate - other.rate
    return Comparison(variant, against, measure, verdict, confidence, words, observed, low, high)


_SAYS: Final = {
    Verdict.BETTER: "more than",
    Verdict.WORSE: "fewer than",
    Verdict.NO_DIFFERENCE: "no more and no fewer, as far as can be told, than",
}


def _words(
    one: tuple[str, Share], base: tuple[str, Share], measure: str, verdict: Verdict, *, low: float, high: float
) -> str:
    (variant, share), (against, other) = one, base
    return (
        f"{measure.capitalize()}: {variant} {share.rate:.1%}, {_SAYS[verdict]} {against} {other.rate:.1%};"
        f" the difference lies from {100 * low:+.1f} to {100 * high:+.1f} points."
    )

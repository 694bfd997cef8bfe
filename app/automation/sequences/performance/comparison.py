"""Comparison of a step's variants (A/B test), valid however often a person looks. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.automation.sequences.performance.intervals import Interval, Share, shared_confidence
from app.automation.sequences.performance.sequential import ALARM, always_valid_difference, chance_of_shares

LEAST: Final = 30  # messages of each variant that a comparison needs
WORTH: Final = 0.02  # smaller differences are not worth waiting for


class Verdict(StrEnum):
    """Result of a comparison."""

    NOT_ENOUGH_DATA = "not_enough_data"
    NO_DIFFERENCE = "no_difference"  # not significant
    BETTER = "better"
    WORSE = "worse"


class Advice(StrEnum):
    """Advice to the owner of the test."""

    KEEP_GOING = "keep_going"
    WINS = "wins"  # the variant is better than the first one
    LOSES = "loses"
    NO_DIFFERENCE_WORTH_IT = "no_difference_worth_it"  # the difference is smaller than is worth it


@dataclass(frozen=True, slots=True)
class Comparison:
    """A variant compared with the first one. `difference`, `low` and `high` are proportions from -1 to 1."""

    variant: str
    against: str
    measure: str
    verdict: Verdict
    advice: Advice
    confidence: float
    words: str
    difference: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """Whether the variants got the leads that their weights intend. `chance`: 0 to 1."""

    is_alarm: bool
    chance: float
    words: str


def compare(measure: str, shares: Mapping[str, Share], *, worth: float = WORTH) -> Sequence[Comparison]:
    """Compare each variant with the first one, at 95 % confidence for all comparisons and all looks together."""
    (first, base), *others = shares.items()
    confidence = shared_confidence(len(others))
    return [
        _compare((variant, share), (first, base), measure, confidence=confidence, worth=worth)
        for variant, share in others
    ]


def check_ratio(counts: Mapping[str, int], weights: Mapping[str, int]) -> SampleRatio:
    """Compare the leads of each variant with the weights. An alarm means that the results cannot be trusted."""
    chance = chance_of_shares([counts[name] for name in weights], list(weights.values()))
    total = sum(weights.values())
    came = ", ".join(f"{name} {counts[name]}" for name in weights)
    shares = ", ".join(f"{name} {weight / total:.0%}" for name, weight in weights.items())
    if chance < ALARM:
        words = f"Alarm: leads by variant ({came}) do not fit the weights ({shares}). Do not trust the comparison."
        return SampleRatio(is_alarm=True, chance=chance, words=words)
    return SampleRatio(is_alarm=False, chance=chance, words=f"Leads by variant ({came}) fit the weights ({shares}).")


def _compare(
    one: tuple[str, Share], base: tuple[str, Share], measure: str, *, confidence: float, worth: float
) -> Comparison:
    (variant, share), (against, other) = one, base
    if min(share.of, other.of) < LEAST:
        words = f"Not enough data: {share.of} and {other.of} messages, and {LEAST} of each are needed."
        return Comparison(variant, against, measure, Verdict.NOT_ENOUGH_DATA, Advice.KEEP_GOING, confidence, words)
    interval = always_valid_difference(share, other, confidence=confidence)
    low, high = interval
    verdict = Verdict.BETTER if low > 0 else Verdict.WORSE if high < 0 else Verdict.NO_DIFFERENCE
    advice = _ADVICE.get(verdict) or _undecided(interval, worth)
    words = f"{_SAYS[advice].format(variant=variant, against=against)}: {_figures(one, base, measure, interval)}"
    observed = share.rate - other.rate
    return Comparison(variant, against, measure, verdict, advice, confidence, words, observed, low, high)


def _undecided(interval: Interval, worth: float) -> Advice:
    is_small = -worth <= interval.low and interval.high <= worth
    return Advice.NO_DIFFERENCE_WORTH_IT if is_small else Advice.KEEP_GOING


_ADVICE: Final = {Verdict.BETTER: Advice.WINS, Verdict.WORSE: Advice.LOSES}
_SAYS: Final = {
    Advice.WINS: "{variant} wins",
    Advice.LOSES: "{against} wins",
    Advice.KEEP_GOING: "Keep going",
    Advice.NO_DIFFERENCE_WORTH_IT: "No difference worth it",
}


def _figures(one: tuple[str, Share], base: tuple[str, Share], measure: str, interval: Interval) -> str:
    (variant, share), (against, other) = one, base
    return (
        f"{measure}: {variant} {share.rate:.1%}, {against} {other.rate:.1%};"
        f" the difference lies from {100 * interval.low:+.1f} to {100 * interval.high:+.1f} points."
    )

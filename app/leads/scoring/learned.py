"""Learned scores: a table of log-odds by binned facts, applied to one lead. Pure."""

from collections.abc import Iterator
from math import exp
from typing import Final

from app.core.type_aliases import JsonObject
from app.leads.scoring.features import Bins
from app.leads.scoring.parts import Part

_NEAR_ZERO: Final = 1e-9
PERCENT: Final = 100.0


def probability(weights: JsonObject, bins: Bins) -> float:
    """Return the probability that a lead with these bins converts."""
    return sigmoid(weights["intercept"] + sum(weight for _, _, weight in _weights_of(weights, bins)))


def weigh_learned(weights: JsonObject, bins: Bins) -> Iterator[Part]:
    """Yield the parts of a learned score: they sum to the probability of conversion in percent.

    Log-odds are turned into points in proportion, so the parts do not depend on their order.
    """
    average = sigmoid(weights["intercept"])
    yield Part("base", "An average lead starts with", PERCENT * average)
    found = [*_weights_of(weights, bins)]
    total = sum(weight for _, _, weight in found)
    gain = PERCENT * (sigmoid(weights["intercept"] + total) - average)
    per_unit = gain / total if abs(total) > _NEAR_ZERO else PERCENT * average * (1 - average)
    yield from (Part(name, words, weight * per_unit) for name, words, weight in found)


def _weights_of(weights: JsonObject, bins: Bins) -> Iterator[tuple[str, str, float]]:
    """Yield name, words and log-odds of each bin that the training knew."""
    for name, value in bins.items():
        known = weights["features"].get(name, {})
        if found := known.get(value) or known.get("other"):
            yield name, found["words"], found["weight"]


def sigmoid(value: float) -> float:
    """Return the probability for these log-odds."""
    if value < 0:
        return exp(value) / (1 + exp(value))
    return 1 / (1 + exp(-value))

"""Quality of predictions: the area under the ROC curve, and the expected calibration error. Pure."""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

GROUPS: Final = 10

Prediction = tuple[float, bool]  # probability, outcome


def area_under_curve(predictions: Sequence[Prediction]) -> float | None:
    """Return the share of pairs of a converted and a lost lead in which the converted one was predicted higher.

    A tie counts half. None if all outcomes are the same.
    """
    ordered = sorted(predictions)
    converted = sum(outcome for _, outcome in ordered)
    lost = len(ordered) - converted
    if not converted or not lost:
        return None
    rank_sum, before = 0.0, 0
    for _, alike in groupby(ordered, key=lambda one: one[0]):
        tied = [outcome for _, outcome in alike]
        rank_sum += sum(tied) * (before + (len(tied) + 1) / 2)
        before += len(tied)
    return (rank_sum - converted * (converted + 1) / 2) / (converted * lost)


def calibration_error(predictions: Sequence[Prediction]) -> float | None:
    """Return the mean difference between predicted and actual conversion, in about ten groups of equal size.

    Equal predictions are in one group. None without predictions.
    """
    if not predictions:
        return None
    size = len(predictions)
    groups, fill = [[0.0, 0.0]], 0  # of each group: the sums of predictions and of outcomes
    for value, alike in groupby(sorted(predictions), key=lambda one: one[0]):
        outcomes = [outcome for _, outcome in alike]
        if fill >= size / GROUPS:
            groups.append([0.0, 0.0])
            fill = 0
        groups[-1][0] += value * len(outcomes)
        groups[-1][1] += sum(outcomes)
        fill += len(outcomes)
    return sum(abs(predicted - actual) for predicted, actual in groups) / size

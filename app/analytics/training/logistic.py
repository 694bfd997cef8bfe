"""Logistic regression on binned facts: Newton's method on counts of equal observations. Pure.

Each feature has one weight per bin. A small penalty keeps the weights of rare bins near zero, and makes the solution
unique. A step that would make the fit worse is halved: where facts nearly decide the outcome, full steps diverge.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log, log1p
from typing import Final

from app.leads.scoring.learned import sigmoid

PENALTY: Final = 2.0  # as if each bin had been seen with average leads a few more times
STEPS: Final = 60
HALVINGS: Final = 40  # of one step; a smaller step changes nothing
CLOSE_ENOUGH: Final = 1e-6
_Pattern = tuple[int, ...]  # the columns that are 1; all others are 0
Bin = tuple[str, str]  # feature, bin
_Observed = tuple[tuple[Bin, ...], bool]  # bins, and the outcome


@dataclass(frozen=True, slots=True)
class Fit:
    """An intercept (log-odds of an average lead), and the log-odds of each bin."""

    intercept: float
    weights: Mapping[Bin, float]


def fit(observations: Iterable[tuple[Mapping[str, str], bool]]) -> Fit:
    """Fit weights to observations: bins by feature, and the outcome. There must be both outcomes."""
    counts = Counter((tuple(bins.items()), outcome) for bins, outcome in observations)
    columns = {one: place + 1 for place, one in enumerate(sorted({one for bins, _ in counts for one in bins}))}
    grouped: dict[_Pattern, list[int]] = {}
    for (bins, outcome), count in counts.items():
        of_pattern = grouped.setdefault((0, *(columns[one] for one in bins)), [0, 0])
        of_pattern[0] += count
        of_pattern[1] += count * outcome
    solution = _newton(grouped, len(columns) + 1)
    return _centred(solution, columns, counts)


def _newton(grouped: Mapping[_Pattern, Sequence[int]], size: int) -> list[float]:
    total, converted = (sum(row[place] for row in grouped.values()) for place in (0, 1))
    solution = [0.0] * size
    solution[0] = log(converted / (total - converted))
    for _ in range(STEPS):
        step = _solve(*_system(grouped, solution))
        solution = _better(grouped, solution, step)
        if max(map(abs, step)) < CLOSE_ENOUGH:
            break
    return solution


def _better(grouped: Mapping[_Pattern, Sequence[int]], solution: Sequence[float], step: Sequence[float]) -> list[float]:
    """Return the solution after the step, which is halved until the loss does not grow."""
    before, part = _loss(grouped, solution), 1.0
    for _ in range(HALVINGS):
        after = [value + part * change for value, change in zip(solution, step, strict=True)]
        if _loss(grouped, after) <= before:
            return after
        part /= 2
    return list(solution)


def _loss(grouped: Mapping[_Pattern, Sequence[int]], solution: Sequence[float]) -> float:
    """Return the negative log-likelihood of the outcomes, with the penalty."""
    loss = PENALTY / 2 * sum(value * value for value in solution[1:])
    for pattern, (count, converted) in grouped.items():
        odds = sum(solution[place] for place in pattern)
        loss += count * (max(odds, 0.0) + log1p(exp(-abs(odds)))) - converted * odds
    return loss


def _system(
    grouped: Mapping[_Pattern, Sequence[int]], solution: Sequence[float]
) -> tuple[list[list[float]], list[float]]:
    """Return the matrix and the right side of one Newton step."""
    size = len(solution)
    matrix = [[0.0] * size for _ in range(size)]
    right = [0.0] * size
    for place in range(1, size):  # the intercept has no penalty
        matrix[place][place] += PENALTY
        right[place] -= PENALTY * solution[place]
    for pattern, (count, converted) in grouped.items():
        probability = sigmoid(sum(solution[place] for place in pattern))
        residual, curvature = converted - count * probability, count * probability * (1 - probability)
        for place in pattern:
            right[place] += residual
            row = matrix[place]
            for other in pattern:
                row[other] += curvature
    return matrix, right


def _solve(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Solve the linear equations by Gaussian elimination with pivots. The matrix is positive definite."""
    size = len(right)
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for place in range(size):
        best = max(range(place, size), key=lambda at: abs(rows[at][place]))
        rows[place], rows[best] = rows[best], rows[place]
        pivot = rows[place]
        for row in rows[place + 1 :]:
            factor = row[place] / pivot[place]
            if factor:
                row[place:] = [
                    value - factor * of_pivot for value, of_pivot in zip(row[place:], pivot[place:], strict=True)
                ]
    found = [0.0] * size
    for place in reversed(range(size)):
        known = sum(rows[place][other] * found[other] for other in range(place + 1, size))
        found[place] = (rows[place][size] - known) / rows[place][place]
    return found


def _centred(solution: Sequence[float], columns: Mapping[Bin, int], counts: Mapping[_Observed, int]) -> Fit:
    """Shift each feature's weights so that their mean over the observations is 0; the intercept takes the rest."""
    seen: Counter[Bin] = Counter()
    for (bins, _), count in counts.items():
        for one in bins:
            seen[one] += count
    intercept, weights = solution[0], {one: solution[place] for one, place in columns.items()}
    for feature in {name for name, _ in columns}:
        own = [one for one in columns if one[0] == feature]
        mean = sum(weights[one] * seen[one] for one in own) / sum(seen[one] for one in own)
        intercept += mean
        weights.update({one: weights[one] - mean for one in own})
    return Fit(intercept, weights)

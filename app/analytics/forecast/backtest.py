"""Test of the forecast on the past: at each past week, what each method would have said, and what came. Pure.

The method with the smallest error is chosen, so the forecast is never worse on the past than the mean of the last eight
weeks, which is one of the methods. Intervals have the widths that held 80 % of the past weeks (conformal prediction).
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from math import sqrt
from statistics import NormalDist, fmean
from typing import Final, NamedTuple

from app.analytics.forecast.chances import AHEAD, Expected, Past
from app.analytics.forecast.intervals import CONFIDENCE, Interval, count_interval, distance, quantile

_LEARNING: Final = 12  # weeks of history before the first tested week
_MOST_ORIGINS: Final = 26
# Before anything was tested, distances are normal with this deviation. The prior weighs as many weeks.
_PRIOR_DEVIATION: Final = 1.3
_PRIOR_WEIGHT: Final = 20
_PRIOR_DISTANCES: Final = tuple(NormalDist().inv_cdf(0.5 + (place + 0.5) / 80) for place in range(40))
# Forecasts of one week from several origins err together, so few weeks say little: the share is raised by
# _FEW / (weeks + _WEEKS_TO_TRUST). The values were chosen on 240 simulated clinics.
_FEW: Final = 0.4
_WEEKS_TO_TRUST: Final = 5
_NEXT_TO: Final = 1  # weeks ahead whose distances also count for a week


class Method(StrEnum):
    """How the conversions of a week are forecast."""

    STAGES = "stages"  # open leads by stage and age, and new leads
    RECENT_WEEKS = "recent_weeks"  # the mean of the last eight weeks
    BOTH = "both"  # the mean of the two


class RuleFact(NamedTuple):
    """A forecast of one past week, and what came. `week` is the week that was forecast."""

    week: int
    ahead: int
    expected: float
    came: int


class Reach:
    """Widths of the intervals, learned from tested weeks: the same share of them lies within at each week ahead."""

    def __init__(self, tested: Iterable[RuleFact]) -> None:
        known = list(tested)
        rows = [(row.ahead, distance(row.came, row.expected)) for row in known]
        sums, counts = [0.0] * AHEAD, [0] * AHEAD
        for ahead, far in rows:
            sums[ahead] += far * far
            counts[ahead] += 1
        overall = _deviation(sum(sums), sum(counts), _PRIOR_DEVIATION)
        near = [slice(max(ahead - _NEXT_TO, 0), ahead + _NEXT_TO + 1) for ahead in range(AHEAD)]
        self._deviations = [_deviation(sum(sums[one]), sum(counts[one]), overall) for one in near]
        ordered = sorted([*(abs(far) / self._deviations[ahead] for ahead, far in rows), *_PRIOR_DISTANCES])
        few = _FEW / (len({row.week for row in known}) + _WEEKS_TO_TRUST)
        self._factor = quantile(ordered, CONFIDENCE * (1 + few))

    def interval(self, expected: float, ahead: int = 0) -> Interval:
        """Return the interval of a count that is expected in the week `ahead`."""
        return count_interval(expected, self._factor * self._deviations[ahead])


class Backtest(NamedTuple):
    """Quality of the forecast on the past.

    `coverage`: share of the weeks that were within their interval. `error`: mean distance of forecast and truth, in
    conversions; `simple_error` is that of the mean of the last eight weeks. `bias`: mean of forecast minus truth.
    `reach` gives the intervals ahead, `reach_of_total` that of all weeks together.
    """

    method: Method
    weeks: int
    coverage: float | None
    error: float | None
    simple_error: float | None
    bias: float | None
    mean: float | None
    reach: Reach
    reach_of_total: Reach


def forecast_by(method: Method, past: Past, origin: int, expected: Expected) -> list[float]:
    """Return the conversions of each week from `origin` on. `expected` is that of the stages."""
    if method is Method.STAGES:
        return expected.conversions
    recent = past.recent_conversions(origin)
    if method is Method.RECENT_WEEKS:
        return [recent] * AHEAD
    return [(one + recent) / 2 for one in expected.conversions]


def backtest(past: Past) -> Backtest:
    """Forecast each of the last weeks from the data before it, with intervals from the weeks tested before it."""
    origins = range(max(-past.weeks + _LEARNING, -_MOST_ORIGINS - AHEAD), -AHEAD + 1)
    by_origin = {origin: past.expected(origin) for origin in origins}
    tested = {method: _test(method, past, by_origin) for method in Method}
    if not by_origin:
        return Backtest(Method.STAGES, 0, None, None, None, None, None, Reach(()), Reach(()))
    errors = {method: _error(rows) for method, rows in tested.items()}
    method = min(Method, key=lambda one: errors[one])
    rows = tested[method]
    return Backtest(
        method=method,
        weeks=len(rows),
        coverage=fmean(_were_inside(rows)),
        error=errors[method],
        simple_error=errors[Method.RECENT_WEEKS],
        bias=fmean(row.expected - row.came for row in rows),
        mean=fmean(row.came for row in rows),
        reach=Reach(rows),
        reach_of_total=Reach(_totals(rows)),
    )


def _test(method: Method, past: Past, by_origin: Mapping[int, Expected]) -> list[RuleFact]:
    return [
        RuleFact(origin + ahead, ahead, one, past.converted_in(origin + ahead))
        for origin, expected in by_origin.items()
        for ahead, one in enumerate(forecast_by(method, past, origin, expected))
    ]


def _error(rows: Sequence[RuleFact]) -> float:
    return fmean(abs(row.expected - row.came) for row in rows)


def _were_inside(rows: Sequence[RuleFact]) -> list[bool]:
    """Return for each week whether it was in its interval, with widths from the weeks that were over at its origin."""
    known: dict[int, Reach] = {}
    inside = []
    for row in rows:
        origin = row.week - row.ahead
        if origin not in known:
            known[origin] = Reach(one for one in rows if one.week < origin)
        low, high = known[origin].interval(row.expected, row.ahead)
        inside.append(low <= row.came <= high)
    return inside


def _totals(rows: Sequence[RuleFact]) -> list[RuleFact]:
    """Return the sums of all weeks ahead, one of each origin."""
    found = []
    for start in range(0, len(rows), AHEAD):
        weeks = rows[start : start + AHEAD]
        found.append(RuleFact(weeks[0].week, 0, sum(row.expected for row in weeks), sum(row.came for row in weeks)))
    return found


def _deviation(squares: float, count: int, prior: float) -> float:
    return sqrt((_PRIOR_WEIGHT * prior**2 + squares) / (_PRIOR_WEIGHT + count))

"""Test of the forecast on the past: at each past week, what it would have said, and what came. Pure."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from app.analytics.forecast.chances import AHEAD, Past
from app.analytics.forecast.intervals import count_interval

_LEARNING: Final = 12  # weeks of history before the first tested week
_MOST_ORIGINS: Final = 26
_PRIOR: Final = 10.0  # weight, in weeks, of the dispersion 1.2 before anything was tested
_PRIOR_DISPERSION: Final = 1.2
_LEAST: Final = 0.5  # expected conversions


class Tested(NamedTuple):
    """A forecast of one past week, and what came."""

    origin: int
    ahead: int
    expected: float
    came: int


class Backtest(NamedTuple):
    """Quality of the forecast on the past.

    `coverage`: share of the weeks that were within their interval. `error`: mean distance of forecast and truth, in
    conversions. `bias`: mean of forecast minus truth. `dispersion`: variance of a week divided by its mean, for the
    intervals ahead; `dispersion_of_total` of all weeks together.
    """

    weeks: int
    coverage: float | None
    error: float | None
    bias: float | None
    mean: float | None
    dispersion: float
    dispersion_of_total: float


def backtest(past: Past) -> Backtest:
    """Forecast each of the last weeks from the data before it, with intervals from the weeks tested before it."""
    origins = range(max(-past.weeks + _LEARNING, -_MOST_ORIGINS - AHEAD), -AHEAD + 1)
    tested, totals = [], []
    for origin in origins:
        expected = past.expected(origin).conversions
        rows = [Tested(origin, n, one, past.converted_in(origin + n)) for n, one in enumerate(expected)]
        tested += rows
        totals.append(Tested(origin, 0, sum(expected), sum(row.came for row in rows)))
    if not tested:
        return Backtest(0, None, None, None, None, _PRIOR_DISPERSION, _PRIOR_DISPERSION * 2)
    known = {origin: _dispersion(one for one in tested if one.origin + one.ahead < origin) for origin in origins}
    inside = [_is_inside(row, known[row.origin]) for row in tested]
    count = len(tested)
    return Backtest(
        weeks=count,
        coverage=sum(inside) / count,
        error=sum(abs(row.expected - row.came) for row in tested) / count,
        bias=sum(row.expected - row.came for row in tested) / count,
        mean=sum(row.came for row in tested) / count,
        dispersion=_dispersion(tested),
        dispersion_of_total=_dispersion(totals),
    )


def _is_inside(row: Tested, dispersion: float) -> bool:
    """Return whether the truth was in the interval, with the dispersion of weeks that were over then."""
    low, high = count_interval(row.expected, dispersion)
    return low <= row.came <= high


def _dispersion(tested: Iterable[Tested]) -> float:
    squares = [(one.came - one.expected) ** 2 / max(one.expected, _LEAST) for one in tested]
    return max(1.0, (_PRIOR * _PRIOR_DISPERSION + sum(squares)) / (_PRIOR + len(squares)))

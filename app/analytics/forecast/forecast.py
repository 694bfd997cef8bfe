"""The report `forecast`: conversions and value of the next eight weeks."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

from sqlalchemy.orm import Session

from app.analytics.drill import drill
from app.analytics.forecast.backtest import Backtest, Method, backtest, forecast_by
from app.analytics.forecast.chances import AHEAD, Expected, Past
from app.analytics.forecast.intervals import NORMAL_REACH, Interval, sum_interval
from app.analytics.forecast.stays import WEEKS_OF_HISTORY, Weeks, load_cohorts, load_stays
from app.analytics.metrics.measures import CONVERSIONS
from app.analytics.periods import Days
from app.analytics.report import Report, read_report
from app.clock import now
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.actor import Actor

LEAST_WEEKS: Final = 26
LEAST_CONVERSIONS: Final = 30
_DAYS_A_WEEK: Final = 7
_CHOICES: Final[Mapping[Method, str]] = {
    Method.STAGES: "The mean of the last eight weeks was off by {:.1f}.",
    Method.RECENT_WEEKS: "It is the mean of the last eight weeks, because nothing else was closer in the past.",
    Method.BOTH: "It is drawn towards the mean of the last eight weeks, which alone was off by {:.1f}.",
}
DEFINITIONS: Final[Mapping[str, str]] = {
    "conversions": (
        "Expected number of leads that become patients in the week: of the leads that are open now, by the share of"
        " leads in the same stage, for as long, that became patients so many weeks later in the past year; and of the"
        f" new leads to be expected, as many a week as in the last {AHEAD} weeks. Seasons are not considered."
        f" If the mean of the last {AHEAD} weeks' conversions, or half of both, was closer in the past, that is taken."
    ),
    "low_high": "The number lies between low and high in 80 % of the weeks. `backtest` shows how often it did.",
    "value": "Expected sum of the values of these leads. Of new leads: the mean value of the past year's conversions.",
    "backtest": (
        "The same forecast for past weeks, from what was known before each: the share of weeks within their interval,"
        " the mean distance from the truth, and whether it is too high (positive) or too low on average."
    ),
}


def forecast(session: Session, actor: Actor, query: JsonObject) -> JsonDict:
    """Return the fields of ForecastOut. Without enough history there are no weeks, and `words` says why.

    Raises Invalid.
    """
    report = read_report(session, actor, query)
    origin = report.days.calendar.local(now()).date()
    weeks = Weeks(report, origin)
    past = Past(load_stays(session, report, weeks), load_cohorts(session, report, weeks))
    known = {
        "timezone": str(report.days.calendar.zone),
        "definitions": [{"name": name, "words": words} for name, words in DEFINITIONS.items()],
        "history": _history(report, past, origin),
    }
    if refusal := _refusal(past):
        return {**known, "is_possible": False, "words": refusal, "weeks": [], "total": None, "backtest": None}
    tested = backtest(past)
    expected = _expected(past, tested.method)
    ahead = [_week(expected, tested, origin, week) for week in range(AHEAD)]
    total = _total(expected, tested, origin)
    words = _words(total)
    return {**known, "is_possible": True, "words": words, "weeks": ahead, "total": total, "backtest": _shown(tested)}


def _expected(past: Past, method: Method) -> Expected:
    """Return what the method expects. Shares of open and new leads, and their value, are those of the stages."""
    stages = past.expected(0)
    open_, new, value, squares = ([0.0] * AHEAD for _ in range(4))
    mean = past.mean_value(0)
    for week, count in enumerate(forecast_by(method, past, 0, stages)):
        foreseen = stages.conversions[week]
        if foreseen:
            factor = count / foreseen
            open_[week], new[week] = stages.open_[week] * factor, stages.new[week] * factor
            value[week], squares[week] = stages.value[week] * factor, stages.squares[week] * factor
        else:
            new[week], value[week], squares[week] = count, mean * count, mean * mean * count
    return Expected(open_, new, value, squares)


def _refusal(past: Past) -> str | None:
    if past.weeks < LEAST_WEEKS:
        return f"Not enough history: {past.weeks} of {LEAST_WEEKS} weeks since the first lead."
    if past.conversions < LEAST_CONVERSIONS:
        return f"Not enough history: {past.conversions} of {LEAST_CONVERSIONS} conversions in the past year."
    return None


def _history(report: Report, past: Past, origin: date) -> JsonDict:
    """Return the history that the forecast learned from, with the list of its conversions."""
    days = Days(origin - timedelta(weeks=WEEKS_OF_HISTORY), origin, report.days.calendar)
    return {
        "weeks": past.weeks,
        "conversions": past.conversions,
        "drill": drill(report, CONVERSIONS, days, {}),
        "new_leads_per_week": past.new_leads(0),
    }


def _week(expected: Expected, tested: Backtest, origin: date, ahead: int) -> JsonDict:
    first, count = origin + timedelta(weeks=ahead), expected.open_[ahead] + expected.new[ahead]
    interval = tested.reach.interval(count, ahead)
    return {
        "from_": first,
        "to": first + timedelta(days=_DAYS_A_WEEK),
        **_figures(expected.open_[ahead], expected.new[ahead], interval),
        **_value(expected.value[ahead], expected.squares[ahead] * _dispersion(count, interval)),
    }


def _total(expected: Expected, tested: Backtest, origin: date) -> JsonDict:
    count = sum(expected.conversions)
    interval = tested.reach_of_total.interval(count)
    return {
        "from_": origin,
        "to": origin + timedelta(weeks=AHEAD),
        **_figures(sum(expected.open_), sum(expected.new), interval),
        **_value(sum(expected.value), sum(expected.squares) * _dispersion(count, interval)),
    }


def _figures(of_open: float, of_new: float, interval: Interval) -> JsonDict:
    low, high = interval
    return {"conversions": of_open + of_new, "low": low, "high": high, "from_open": of_open, "from_new": of_new}


def _value(mean: float, variance: float) -> JsonDict:
    low, high = sum_interval(mean, variance)
    return {"value": mean, "value_low": low, "value_high": high}


def _dispersion(count: float, interval: Interval) -> float:
    """Return the variance of the count divided by its mean, at least 1, as its interval tells."""
    deviation = (interval.high - interval.low) / 2 / NORMAL_REACH
    return max(deviation**2 / count, 1.0) if count else 1.0


def _shown(tested: Backtest) -> JsonDict | None:
    if tested.coverage is None or tested.error is None or tested.simple_error is None:
        return None
    words = (
        f"In {tested.weeks} forecasts of past weeks the truth was in the interval in {tested.coverage:.0%} of the cases"
        f" (80 % are intended); the mean distance was {tested.error:.1f} of {tested.mean:.1f} conversions a week."
        f" {_CHOICES[tested.method].format(tested.simple_error)}"
    )
    fields = ("method", "weeks", "coverage", "error", "simple_error", "bias", "mean")
    return {**{name: getattr(tested, name) for name in fields}, "words": words}


def _words(total: JsonDict) -> str:
    return (
        f"About {total['conversions']:.0f} conversions in the next {AHEAD} weeks, with 80 % certainty from"
        f" {total['low']:.0f} to {total['high']:.0f}: {total['from_open']:.0f} of leads that are open now, and"
        f" {total['from_new']:.0f} of new ones."
    )

"""Forecast: chances, intervals and their coverage, on simulated clinics with a known truth."""

from collections import Counter
from math import sin, tau
from random import Random
from typing import NamedTuple

import pytest

from app.analytics.forecast.backtest import Method, backtest, forecast_by
from app.analytics.forecast.chances import AHEAD, Past
from app.analytics.forecast.intervals import count_interval, sum_interval
from app.analytics.forecast.stays import Cohort, Stay

WEEKS = 52


def poisson(dice: Random, mean: float) -> int:
    """Return a Poisson number: arrivals in one unit of time."""
    count, time = 0, dice.expovariate(mean)
    while time < 1:
        count, time = count + 1, time + dice.expovariate(mean)
    return count


class Clinic(NamedTuple):
    """The stays and cohorts of a simulated clinic, and its true conversions of the next weeks."""

    stays: list[Stay]
    cohorts: list[Cohort]
    truth: list[int]

    @property
    def past(self) -> Past:
        return Past(self.stays, self.cohorts)


def simulate(dice: Random, rate: float, *, unsteady: bool = False) -> Clinic:
    """Return a clinic with this many leads a week. `unsteady`: their number has seasons, and good and bad weeks.

    Leads move from `first` to `second` with 30 % a week, are lost with 20 %, and convert from `second` with 15 %.
    """
    start = dice.randrange(WEEKS)
    stays: Counter[tuple[str, int, int | None, int | None]] = Counter()
    cohorts: Counter[tuple[int, int | None]] = Counter()
    truth: Counter[int] = Counter()
    for created in range(-WEEKS, AHEAD):
        level = (1 + 0.3 * sin(tau * (start + created) / WEEKS)) * dice.gammavariate(25, 1 / 25) if unsteady else 1
        for _ in range(poisson(dice, rate * level)):
            moved, won = live(dice, created)
            shown = won if won is not None and won < 0 else None
            truth[-1 if won is None else won] += 1
            if created < 0:
                cohorts[created, shown] += 1
            for stage, entered, left in moved:
                if entered < 0:
                    stays[stage, entered, left if left < 0 else None, shown] += 1
    return Clinic(
        [Stay(stage, entered, left, won, count, 100.0 * count) for (stage, entered, left, won), count in stays.items()],
        [Cohort(created, won, count, 100.0 * count) for (created, won), count in cohorts.items()],
        [truth[week] for week in range(AHEAD)],
    )


def live(dice: Random, week: int) -> tuple[list[tuple[str, int, int]], int | None]:
    """Return the stays of a lead, and the week of its conversion."""
    stays, entered = [], week
    stage = "first"
    while True:
        week += 1
        luck = dice.random()
        if stage == "first" and luck < 0.3:
            stays.append((stage, entered, week))
            stage, entered = "second", week
        elif stage == "second" and luck < 0.15:
            return [*stays, (stage, entered, week)], week
        elif luck > 0.8:
            return [*stays, (stage, entered, week)], None


def test_intervals_cover_the_truth_in_four_of_five_weeks():
    inside = weeks = totals = 0
    expected_sum = truth_sum = 0.0
    for number in range(60):
        dice = Random(number)
        clinic = simulate(dice, rate=25)
        past, truth = clinic.past, clinic.truth
        expected, tested = past.expected(0).conversions, backtest(past)
        for ahead, (mean, came) in enumerate(zip(expected, truth, strict=True)):
            low, high = tested.reach.interval(mean, ahead)
            inside, weeks = inside + (low <= came <= high), weeks + 1
        low, high = tested.reach_of_total.interval(sum(expected))
        totals += low <= sum(truth) <= high
        expected_sum, truth_sum = expected_sum + sum(expected), truth_sum + sum(truth)

    assert 0.75 <= inside / weeks <= 0.85
    assert 42 <= totals <= 56
    assert expected_sum == pytest.approx(truth_sum, rel=0.03)


def test_twenty_clinics_are_forecast_as_well_as_by_the_recent_mean_and_in_four_of_five_weeks():
    """From 500 to 50,000 leads a year, with seasons and good and bad weeks."""
    weeks = inside = came_inside = 0
    for number in range(20):
        clinic = simulate(Random(100 + number), rate=500 * 100 ** (number / 19) / WEEKS, unsteady=True)
        past = clinic.past
        tested = backtest(past)
        assert tested.error is not None
        assert tested.simple_error is not None
        assert tested.error <= tested.simple_error
        assert tested.coverage is not None
        weeks, inside = weeks + tested.weeks, inside + tested.coverage * tested.weeks
        ahead = forecast_by(tested.method, past, 0, past.expected(0))
        for week, (mean, came) in enumerate(zip(ahead, clinic.truth, strict=True)):
            low, high = tested.reach.interval(mean, week)
            came_inside += low <= came <= high

    assert 0.77 <= inside / weeks <= 0.83
    assert 0.7 <= came_inside / (20 * AHEAD) <= 0.9  # 160 weeks of 20 clinics, which are not independent


def test_the_recent_mean_is_taken_where_stages_foretell_nothing():
    """All leads come by and convert on the spot, more in some weeks, so stages know nothing."""
    dice = Random(7)
    sudden = [Cohort(week, week, poisson(dice, 40), 0.0) for week in range(-WEEKS, 0)]
    sudden += [Cohort(week, None, poisson(dice, 40) if week < -12 else 400, 0.0) for week in range(-WEEKS, 0)]
    past = Past([], sudden)

    tested = backtest(past)

    assert tested.method is Method.RECENT_WEEKS
    assert forecast_by(tested.method, past, 0, past.expected(0)) == [past.recent_conversions(0)] * AHEAD


def test_the_test_on_the_past_measures_coverage_and_error():
    tested = backtest(simulate(Random(1), rate=25).past)

    assert tested.weeks == 27 * AHEAD
    assert tested.coverage is not None
    assert 0.7 <= tested.coverage <= 0.9
    assert tested.error is not None
    assert tested.mean is not None
    assert tested.error < 0.6 * tested.mean
    assert (tested.method, tested.error) != (Method.RECENT_WEEKS, tested.simple_error)


def test_a_forecast_uses_nothing_that_happened_after_its_origin():
    clinic = simulate(Random(2), rate=20)
    later = clinic._replace(
        stays=[*clinic.stays, Stay("second", -5, -4, -4, 500, 0.0)],
        cohorts=[*clinic.cohorts, Cohort(-9, -4, 500, 0.0)],
    )

    assert later.past.expected(-10) == clinic.past.expected(-10)
    assert later.past.expected(0) != clinic.past.expected(0)


def test_a_shift_of_the_level_makes_wider_intervals():
    calm = simulate(Random(3), rate=20)
    bursts = [Cohort(week, week, 12 * (week % 3), 0.0) for week in range(-20, 0)]  # that no stage foretells

    jumpy = calm._replace(cohorts=[*calm.cohorts, *bursts])

    assert width(jumpy) > 1.5 * width(calm)


def width(clinic: Clinic) -> float:
    low, high = backtest(clinic.past).reach.interval(10)
    return high - low


def test_intervals_of_counts_and_sums():
    assert count_interval(0, 1) == (0, 0)
    assert count_interval(0, 1.3) == (0, 1)
    assert count_interval(10, 1.28) == (7, 14)
    assert count_interval(10, 0) == (10, 10)
    assert count_interval(10.4, 0) == (10, 11)
    assert count_interval(10, 5)[1] > 14
    low, high = sum_interval(1000, 200.0**2)
    assert (round(low, -1), round(high, -1)) == (760, 1260)
    assert sum_interval(0, 0) == (0, 0)

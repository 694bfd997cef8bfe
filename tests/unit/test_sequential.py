"""A/B tests that are looked at daily: false alarms, power, and the alarm for shares of variants."""

from collections.abc import Callable, Iterator
from itertools import accumulate
from math import comb, sqrt
from random import Random

import pytest

from app.automation.sequences.performance.comparison import Advice, check_ratio, compare
from app.automation.sequences.performance.intervals import Share
from app.automation.sequences.performance.sequential import ALARM, always_valid_difference, chance_of_shares

SIMULATIONS, DAYS, A_DAY = 4_000, 30, 25

Looks = Iterator[tuple[Share, Share]]


def draws(dice: Random, rate: float, count: int) -> list[int]:
    """Return successes of so many days, of 25 messages each."""
    chances = [comb(A_DAY, n) * rate**n * (1 - rate) ** (A_DAY - n) for n in range(A_DAY + 1)]
    return dice.choices(range(A_DAY + 1), chances, k=count)


def looks(dice: Random, rate: float, other: float) -> Looks:
    """Yield what a person sees each day."""
    days = zip(accumulate(draws(dice, rate, DAYS)), accumulate(draws(dice, other, DAYS)), strict=True)
    for day, (one, two) in enumerate(days, start=1):
        yield Share(one, day * A_DAY), Share(two, day * A_DAY)


def alarms(dice: Random, rate: float, other: float, interval: Callable[..., tuple[float, float]], times: int) -> float:
    """Return the share of tests in which the interval once excludes 0."""
    found = 0
    for _ in range(times):
        intervals = (interval(*shares) for shares in looks(dice, rate, other))
        found += any(low > 0 or high < 0 for low, high in intervals)
    return found / times


def single_look(one: Share, other: Share) -> tuple[float, float]:
    """Return the plain 95 % interval of the difference (z-test)."""
    observed = one.rate - other.rate
    reach = 1.96 * sqrt(sum(share.rate * (1 - share.rate) / share.of for share in (one, other)))
    return observed - reach, observed + reach


@pytest.mark.parametrize("rate", [0.03, 0.1, 0.4])
def test_tests_without_a_difference_looked_at_daily_rarely_have_a_winner(rate: float):
    share = alarms(Random(1), rate, rate, always_valid_difference, SIMULATIONS if rate == 0.1 else 1_000)

    assert share < 0.05


def test_the_usual_interval_looked_at_daily_has_many_false_winners():
    assert alarms(Random(1), 0.1, 0.1, single_look, 500) > 0.25


def test_a_large_difference_is_found():
    assert alarms(Random(2), 0.1, 0.2, always_valid_difference, 300) > 0.9


def test_interval_holds_the_truth_at_all_looks():
    dice, inside, times = Random(3), 0, 500
    for _ in range(times):
        intervals = [always_valid_difference(*shares) for shares in looks(dice, 0.3, 0.2)]
        inside += all(low <= 0.1 <= high for low, high in intervals)

    assert inside / times > 0.95


@pytest.mark.parametrize(
    ("one", "other", "advice", "opening"),
    [
        (Share(60, 200), Share(20, 200), Advice.WINS, "B wins: replied: B 30.0%, A 10.0%; the difference lies from +"),
        (Share(20, 200), Share(60, 200), Advice.LOSES, "A wins: "),
        (Share(22, 200), Share(20, 200), Advice.KEEP_GOING, "Keep going: "),
        (Share(2_000, 20_000), Share(2_001, 20_000), Advice.NO_DIFFERENCE_WORTH_IT, "No difference worth it: "),
        (Share(5, 20), Share(0, 20), Advice.KEEP_GOING, "Not enough data: 20 and 20 messages"),
    ],
)
def test_advice_in_words(one: Share, other: Share, advice: Advice, opening: str):
    [found] = compare("replied", {"A": other, "B": one})

    assert found.advice is advice
    assert found.words.startswith(opening)


def test_a_smaller_worth_needs_more_messages():
    shares = {"A": Share(2_000, 20_000), "B": Share(2_001, 20_000)}

    assert compare("replied", shares, worth=0.005)[0].advice is Advice.KEEP_GOING


def test_sample_ratio_alarm():
    fine = check_ratio({"A": 510, "B": 490}, {"A": 1, "B": 1})
    wrong = check_ratio({"A": 650, "B": 350}, {"A": 1, "B": 1})

    assert not fine.is_alarm
    assert fine.words == "Leads by variant (A 510, B 490) fit the weights (A 50%, B 50%)."
    assert wrong.is_alarm
    assert wrong.words.startswith("Alarm: leads by variant (A 650, B 350) do not fit the weights (A 50%, B 50%).")
    assert not check_ratio({"A": 650, "B": 350}, {"A": 65, "B": 35}).is_alarm


def test_sample_ratio_alarm_is_rarely_false_when_looked_at_daily():
    dice, found = Random(4), 0
    for _ in range(1_000):
        counts = accumulate(dice.choices(range(3), (1, 2, 1), k=60))
        found += any(chance_of_shares([2 * day - one, one], [1, 1]) < ALARM for day, one in enumerate(counts, start=1))

    assert found == 0

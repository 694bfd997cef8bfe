"""Delay before the next attempt, with the arithmetic beside each row."""

from datetime import timedelta

import pytest

from app.engine.steps.backoff import backoff


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [
        (1, 15),  # the base
        (2, 30),
        (3, 60),
        (4, 120),
        (8, 1920),  # 15 * 2 ** 7
        (9, 3600),  # 15 * 2 ** 8 = 3840, above the cap
        (500, 3600),
    ],
)
def test_delay_doubles_with_each_failed_attempt_up_to_the_cap(attempts: int, seconds: float):
    assert backoff(attempts, base=15, cap=3600, luck=0.5) == timedelta(seconds=seconds)


@pytest.mark.parametrize(("luck", "seconds"), [(0.0, 75), (0.25, 87.5), (0.5, 100), (0.75, 112.5), (1.0, 125)])
def test_jitter_spreads_retries_over_a_quarter_of_the_delay(luck: float, seconds: float):
    assert backoff(1, base=100, cap=1000, luck=luck) == timedelta(seconds=seconds)


def test_last_attempt_comes_within_75_minutes_of_the_first():
    waits = [backoff(tries, base=15, cap=3600, luck=1.0) for tries in range(1, 8)]  # 8 tries have 7 waits

    assert sum(waits, timedelta()) == timedelta(seconds=15 * 127 * 1.25)  # 1 + 2 + … + 64 = 127

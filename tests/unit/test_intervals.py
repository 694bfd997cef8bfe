"""Confidence intervals of proportions against published values."""

import pytest

from app.automation.sequences.performance.intervals import Interval, Share, shared_confidence, wilson


def rounded(interval: Interval) -> tuple[float, float]:
    # A -0.0 is none.
    return round(interval.low, 4) + 0.0, round(interval.high, 4) + 0.0


# Newcombe, Two-sided confidence intervals for the single proportion, Statistics in Medicine 17 (1998), method 3.
@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (Share(81, 263), (0.2553, 0.3662)),
        (Share(15, 148), (0.0624, 0.1605)),
        (Share(0, 20), (0.0, 0.1611)),
        (Share(1, 29), (0.0061, 0.1718)),
        (Share(29, 29), (0.8830, 1.0)),
    ],
)
def test_wilson_interval(share: Share, expected: tuple[float, float]):
    assert rounded(wilson(share)) == expected


def test_several_comparisons_need_a_higher_confidence():
    assert shared_confidence(1) == pytest.approx(0.95)
    assert shared_confidence(5) == pytest.approx(0.99)
    assert wilson(Share(5, 10), confidence=0.99).high > wilson(Share(5, 10)).high


def test_interval_of_an_empty_sample_is_refused():
    with pytest.raises(ZeroDivisionError):
        wilson(Share(0, 0))

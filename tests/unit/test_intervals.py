"""Confidence intervals of proportions and their differences, against published values."""

import pytest

from app.automation.sequences.performance.intervals import Interval, Share, difference, shared_confidence, wilson


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


# Newcombe, Interval estimation for the difference between independent proportions, ibid., method 10.
@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (Share(56, 70), Share(48, 80), (0.0524, 0.3339)),
        (Share(9, 10), Share(3, 10), (0.1705, 0.8090)),
        (Share(6, 7), Share(2, 7), (0.0582, 0.8062)),
        (Share(5, 56), Share(0, 29), (-0.0381, 0.1926)),
        (Share(0, 10), Share(0, 20), (-0.1611, 0.2775)),
        (Share(10, 10), Share(0, 20), (0.6791, 1.0)),
    ],
)
def test_newcombe_interval(one: Share, other: Share, expected: tuple[float, float]):
    assert rounded(difference(one, other)) == expected
    low, high = expected
    assert rounded(difference(other, one)) == (-high + 0.0, -low + 0.0)


def test_several_comparisons_need_a_higher_confidence():
    assert shared_confidence(1) == pytest.approx(0.95)
    assert shared_confidence(5) == pytest.approx(0.99)
    assert wilson(Share(5, 10), confidence=0.99).high > wilson(Share(5, 10)).high


def test_interval_of_an_empty_sample_is_refused():
    with pytest.raises(ZeroDivisionError):
        wilson(Share(0, 0))

"""Percentiles of times that were read in parts."""

from struct import pack

import pytest

from app.analytics.statements.merged_times import Level, Part, merge, percentile
from app.analytics.statements.selection import WHOLE


def part(key: str | None, bucket: int, *times: float) -> Part:
    return Part(key, bucket, pack(f">{len(times)}d", *times))


def test_times_are_merged_by_row_and_bucket_by_row_and_for_totals():
    parts = [part("a", 0, 3.5, 1.25), part("a", 1, 2), part("b", 0, 2.5), part("a", 0, 0)]
    rows = {
        ("a", 0, False): [0, 1.25, 3.5],
        ("a", 1, False): [2],
        ("b", 0, False): [2.5],
        ("a", WHOLE, False): [0, 1.25, 2, 3.5],
        ("b", WHOLE, False): [2.5],
    }
    totals = {
        (None, 0, True): [0, 1.25, 2.5, 3.5],
        (None, 1, True): [2],
        (None, WHOLE, True): [0, 1.25, 2, 2.5, 3.5],
    }
    assert merge(parts, with_totals=False) == rows
    assert merge(parts, with_totals=True) == {**rows, **totals}


def test_times_without_rows_and_buckets_are_one_level():
    parts = [part(None, WHOLE, 2), part(None, WHOLE), part(None, WHOLE, 1)]
    assert merge(parts, with_totals=False) == {Level(None, WHOLE, is_total=False): [1, 2]}


@pytest.mark.parametrize(
    ("times", "share", "expected"),
    [
        ([], 0.5, None),
        ([4], 0.9, 4),
        ([1, 3], 0.5, 2),  # half-way from 1 to 3
        ([1, 2, 10], 0.5, 2),
        ([0, 10], 0.9, 9),
        ([0, 10, 20, 30, 40, 50], 0.9, 45),  # place 4.5
    ],
)
def test_percentile_is_interpolated_linearly(times: list[float], share: float, expected: float | None):
    assert percentile(times, share) == pytest.approx(expected)

"""Where a scan of due steps begins."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from workers.pipeline.due_steps.low_water_mark import BEGINNING, FAST, PAUSE, RECENT_PLANS, LowWaterMark

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
SETTLED = timedelta(seconds=10)
SLOW = 60.0  # seconds of a scan
AN_HOUR_AGO = NOW - timedelta(hours=1)


@pytest.fixture
def mark() -> LowWaterMark:
    return LowWaterMark(SETTLED)


def scan(mark: LowWaterMark, oldest: datetime | None, *, now: datetime = NOW, seconds: float = SLOW) -> datetime:
    """Scan once. Returns the due time at which the scan began."""
    began = mark.start(now)
    mark.advance(oldest, now=now, seconds=seconds)
    return began


def test_the_first_scan_is_complete(mark: LowWaterMark):
    assert mark.start(NOW) == BEGINNING


def test_all_scans_are_complete_while_they_are_fast(mark: LowWaterMark):
    assert [scan(mark, None, seconds=FAST) for _ in range(3)] == [BEGINNING] * 3
    assert not mark.is_needed


@pytest.mark.parametrize(
    ("oldest", "begins"),
    [
        (AN_HOUR_AGO, AN_HOUR_AGO),  # the oldest pending step
        (None, NOW - SETTLED),  # no pending step: newer ones may still be committed
        (NOW, NOW - SETTLED),
    ],
)
def test_after_a_slow_scan_the_next_one_begins_at_the_mark(
    mark: LowWaterMark, oldest: datetime | None, begins: datetime
):
    scan(mark, oldest)

    assert mark.is_needed
    assert scan(mark, oldest, seconds=0) == begins
    assert mark.is_needed  # a scan from the mark tells nothing of complete ones


def test_slow_scans_from_the_mark_are_rare_too(mark: LowWaterMark):
    """In between, scans begin at the oldest pending step, and at least some seconds ago: newer plans are committed."""
    scan(mark, None)
    assert scan(mark, None) == NOW - SETTLED

    a_moment_ago = NOW - RECENT_PLANS - timedelta(seconds=1)
    assert scan(mark, a_moment_ago, seconds=0) == NOW - RECENT_PLANS
    assert scan(mark, NOW, seconds=0) == a_moment_ago
    assert scan(mark, None, seconds=0) == NOW - RECENT_PLANS


def test_a_scan_from_the_mark_follows_after_a_hundred_times_as_long(mark: LowWaterMark):
    scan(mark, None)
    before = time.monotonic()
    scan(mark, AN_HOUR_AGO, seconds=FAST * 1.2)
    assert scan(mark, NOW, seconds=0) == AN_HOUR_AGO  # the step has run since
    while (began := mark.start(NOW)) != AN_HOUR_AGO:
        assert began == NOW - RECENT_PLANS
        time.sleep(0.01)

    assert time.monotonic() - before >= FAST * 1.2 * PAUSE
    scan(mark, None, seconds=0)
    assert scan(mark, None, seconds=0) == NOW - SETTLED


def test_the_mark_never_passes_a_pending_step(mark: LowWaterMark):
    scan(mark, AN_HOUR_AGO)
    for minutes in range(1, 100):
        assert scan(mark, AN_HOUR_AGO, now=NOW + timedelta(minutes=minutes)) == AN_HOUR_AGO


def test_a_complete_scan_follows_after_a_hundred_times_as_long(mark: LowWaterMark):
    seconds = FAST * 1.2
    before = time.monotonic()
    scan(mark, None, seconds=seconds)
    while mark.start(NOW) != BEGINNING:
        time.sleep(0.01)

    assert time.monotonic() - before >= seconds * PAUSE
    scan(mark, None, seconds=0)
    assert not mark.is_needed


def test_a_clock_that_was_set_back_makes_the_scan_complete(mark: LowWaterMark):
    scan(mark, None)

    assert mark.start(NOW - timedelta(seconds=1)) == BEGINNING

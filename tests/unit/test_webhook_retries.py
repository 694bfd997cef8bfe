"""Times of webhook retries and pauses."""

from datetime import UTC, datetime, timedelta

import pytest

from app.messaging.webhooks.retries import LONGEST_PAUSE, MAX_ATTEMPTS, next_attempt, pause

NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("attempts", "wait"),
    [
        (1, timedelta(seconds=5)),
        (2, timedelta(minutes=5)),
        (3, timedelta(minutes=30)),
        (4, timedelta(hours=2)),
        (9, timedelta(hours=24)),
    ],
)
def test_waits_follow_the_schedule_with_jitter(attempts: int, wait: timedelta):
    assert next_attempt(attempts, NOW, luck=0.5) == NOW + wait
    assert next_attempt(attempts, NOW, luck=0.0) == NOW + wait * 0.9
    assert next_attempt(attempts, NOW, luck=1.0) == NOW + wait * 1.1


def test_last_attempt_has_no_successor():
    assert next_attempt(MAX_ATTEMPTS, NOW, luck=0.5) is None


def test_retry_after_postpones_and_never_hastens():
    assert next_attempt(1, NOW, luck=0.5, retry_after=timedelta(hours=1)) == NOW + timedelta(hours=1)
    assert next_attempt(4, NOW, luck=0.5, retry_after=timedelta(seconds=1)) == NOW + timedelta(hours=2)


def test_pauses_double_up_to_a_limit():
    assert [pause(number).total_seconds() for number in range(6)] == [30, 60, 120, 240, 480, 600]
    assert pause(1000) == LONGEST_PAUSE

"""Rate limit of a gateway: calls per hour, and the minute at which a deferred call may run."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.messaging.gateways.throttle import HOUR, MINUTE, Usage, has_capacity, minute_of, next_available_minute

START = datetime(2026, 3, 10, 15, 0, 30, tzinfo=UTC)
PAUSES = st.lists(st.one_of(st.integers(0, 90), st.integers(0, 4000)), max_size=300)  # seconds between calls


@given(PAUSES, st.integers(1, 20))
def test_calls_in_any_hour_stay_below_the_limit(pauses: list[int], per_hour: int):
    now, sent, made = START, Counter[datetime](), list[datetime]()
    for pause in pauses:
        now += timedelta(seconds=pause)
        if has_capacity(Usage(sent), per_hour, now):
            sent[minute_of(now)] += 1
            made.append(now)
    for first, over in zip(made, made[per_hour:], strict=False):
        assert over - first >= HOUR


@given(PAUSES, st.integers(1, 20))
def test_call_is_not_deferred_while_capacity_is_left(pauses: list[int], per_hour: int):
    """Allow one minute more than the hour: calls are counted per minute."""
    now, sent, made = START, Counter[datetime](), list[datetime]()
    for pause in pauses:
        now += timedelta(seconds=pause)
        if has_capacity(Usage(sent), per_hour, now):
            sent[minute_of(now)] += 1
            made.append(now)
        else:
            assert len([at for at in made if now - at < HOUR + MINUTE]) >= per_hour


@given(st.integers(1, 20), st.integers(0, 100), PAUSES)
def test_assigned_minute_has_capacity_for_the_call(per_hour: int, waiting: int, pauses: list[int]):
    now, sent = START, Counter[datetime]()
    for pause in pauses:
        now += timedelta(seconds=pause)
        if has_capacity(Usage(sent), per_hour, now):
            sent[minute_of(now)] += 1
    if has_capacity(Usage(sent), per_hour, now):
        return
    promised = Counter[datetime]()
    for _ in range(waiting):
        promised[next_available_minute(Usage(sent, promised), per_hour, now)] += 1
    for minute, come_back in sorted(promised.items()):
        assert minute > now
        for _ in range(come_back):
            assert has_capacity(Usage(sent), per_hour, minute)
            sent[minute] += 1

"""Durations as written in playbooks."""

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.calendar.durations import LONGEST, InvalidDuration, format_duration, parse_duration

MINUTE, HOUR, DAY = 60, 3600, 86400


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5 minutes", 5 * MINUTE),
        ("15m", 15 * MINUTE),
        ("1 minute", MINUTE),
        ("20 min", 20 * MINUTE),
        ("24 hours", 24 * HOUR),
        ("2 hrs", 2 * HOUR),
        ("3 days", 3 * DAY),
        ("2 weeks", 14 * DAY),
        ("90 seconds", 90),
        ("1 day 4 hours", DAY + 4 * HOUR),
        ("1d4h30m", DAY + 4 * HOUR + 30 * MINUTE),
        ("4 hours 1 day", DAY + 4 * HOUR),
        ("  7  Days ", 7 * DAY),
        ("0 minutes", 0),
        ("3660 days", 3660 * DAY),
    ],
)
def test_duration_is_parsed(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("5 minuts", "did you mean 'minutes'?"),
        ("5 huors", "did you mean 'hours'?"),
        ("5 fortnights", "allowed are weeks, days, hours, minutes, seconds"),
        ("1 month", "write days instead, such as '30 days'"),
        ("2 years", "write days instead, such as '365 days'"),
        ("-5 minutes", "is negative"),
        ("1 day -4 hours", "not whole numbers with units"),
        ("5", "not whole numbers with units"),
        ("minutes", "not whole numbers with units"),
        ("1.5 hours", "not whole numbers with units"),
        ("5 minutes please", "not whole numbers with units"),
        ("\u0665 minutes", "not whole numbers with units"),  # an Arabic-Indic 5
        ("", "is empty"),
        ("  ", "is empty"),
        ("1 day 2 days", "names days twice"),
        ("3661 days", "is longer than 3660 days"),
        ("999999999999 weeks", "is longer than 3660 days"),
        ("9" * 5000 + " weeks", "not whole numbers with units"),
    ],
)
def test_invalid_duration_gives_the_reason(text: str, says: str) -> None:
    with pytest.raises(InvalidDuration) as refused:
        parse_duration(text)
    assert says in str(refused.value)
    assert len(str(refused.value)) < 250


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(), "0 minutes"),
        (timedelta(seconds=90), "1 minute 30 seconds"),
        (timedelta(minutes=15), "15 minutes"),
        (timedelta(hours=24), "1 day"),
        (timedelta(days=1, hours=4), "1 day 4 hours"),
        (timedelta(days=10), "10 days"),
        (timedelta(days=14), "2 weeks"),
        (timedelta(minutes=5, microseconds=7), "5 minutes"),
        (timedelta(microseconds=7), "0 minutes"),
    ],
)
def test_duration_is_formatted_in_words(duration: timedelta, text: str) -> None:
    assert format_duration(duration) == text


def test_negative_duration_cannot_be_formatted() -> None:
    with pytest.raises(InvalidDuration):
        format_duration(timedelta(seconds=-1))


@given(st.integers(0, int(LONGEST.total_seconds())))
def test_formatted_duration_can_be_parsed(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration


@given(st.text(max_size=30))
def test_any_text_is_a_duration_or_refused_by_name(text: str) -> None:
    with suppress(InvalidDuration):
        assert timedelta() <= parse_duration(text) <= LONGEST

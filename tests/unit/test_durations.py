"""Durations as written in playbooks."""

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.calendar.durations import (
    LONGEST,
    MOST_MONTHS,
    InvalidDuration,
    Wait,
    format_duration,
    parse_duration,
    parse_wait,
)

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
    ("spellings", "seconds"),
    [
        (("week", "weeks", "wk", "wks", "w"), 7 * DAY),
        (("day", "days", "d"), DAY),
        (("hour", "hours", "hr", "hrs", "h"), HOUR),
        (("minute", "minutes", "min", "mins", "m"), MINUTE),
        (("second", "seconds", "sec", "secs", "s"), 1),
    ],
)
def test_every_spelling_of_a_unit_is_parsed(spellings: tuple[str, ...], seconds: int) -> None:
    for spelling in spellings:
        for written in (f"2 {spelling}", f"2{spelling.upper()}"):
            assert parse_duration(written) == timedelta(seconds=2 * seconds)


ALLOWED = "weeks, days, hours, minutes, seconds (or w, d, h, m, s)"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("5 minuts", f"has an unknown unit 'minuts'; did you mean 'minutes'? allowed are {ALLOWED}"),
        ("5 huors", f"has an unknown unit 'huors'; did you mean 'hours'? allowed are {ALLOWED}"),
        ("5 fortnights", f"has an unknown unit 'fortnights'; allowed are {ALLOWED}"),
        ("5 hrx", f"has an unknown unit 'hrx'; did you mean 'hr'? allowed are {ALLOWED}"),
        ("5 mx", f"has an unknown unit 'mx'; allowed are {ALLOWED}"),  # a single letter is not proposed
        ("5 abcdefghijklmnopqrstu", f"has an unknown unit 'abcdefghijklmnopqrst'; allowed are {ALLOWED}"),
        ("1 month", "has no fixed length in month; write days instead, such as '30 days'"),
        ("3 quarters", "has no fixed length in quarters; write days instead, such as '90 days'"),
        ("2 years", "has no fixed length in years; write days instead, such as '365 days'"),
        ("-5 minutes", "is negative: a duration is zero or more"),
        ("1 day -4 hours", f"is not whole numbers with units: {ALLOWED}"),
        ("5", f"is not whole numbers with units: {ALLOWED}"),
        ("minutes", f"is not whole numbers with units: {ALLOWED}"),
        ("1.5 hours", f"is not whole numbers with units: {ALLOWED}"),
        ("5 minutes please", f"is not whole numbers with units: {ALLOWED}"),
        ("\u0665 minutes", f"is not whole numbers with units: {ALLOWED}"),  # an Arabic-Indic 5
        ("", "is empty"),
        ("  ", "is empty"),
        ("1 day 2 days", "names days twice"),
        ("3661 days", "is longer than 3660 days"),
        ("3660 days 1 second", "is longer than 3660 days"),
        ("999999999999 weeks", "is longer than 3660 days"),
    ],
)
def test_invalid_duration_gives_the_reason(text: str, says: str) -> None:
    with pytest.raises(InvalidDuration) as refused:
        parse_duration(text)
    assert str(refused.value) == f"{text!r} {says}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("9" * 40, "9" * 40),
        ("9" * 41, "9" * 40 + "…"),
        ("9" * 5000 + " weeks", "9" * 40 + "…"),
    ],
)
def test_error_quotes_at_most_40_characters(text: str, shown: str) -> None:
    with pytest.raises(InvalidDuration) as refused:
        parse_duration(text)
    assert str(refused.value) == f"{shown!r} is not whole numbers with units: {ALLOWED}"


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("120 months", Wait(120)),  # ten years
        ("1 month", Wait(1)),
        ("  2 MONTHS  ", Wait(2)),
        ("1 month 3 days 4 hours", Wait(1, timedelta(days=3, hours=4))),
        ("0 months 90 minutes", Wait(0, timedelta(minutes=90))),
        ("90 minutes", Wait(0, timedelta(minutes=90))),
        ("5 mo", Wait(5)),
    ],
)
def test_wait_is_months_and_a_duration(text: str, wait: Wait) -> None:
    assert parse_wait(text) == wait


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("121 months", "'121 months' is longer than 120 months"),
        ("999999 months 1 day", "'999999 months 1 day' is longer than 120 months"),
        ("1 month 3661 days", "' 3661 days' is longer than 3660 days"),
        ("3 days 1 month", "'3 days 1 month' has no fixed length in month; write days instead, such as '30 days'"),
        ("-1 month", "'-1 month' is negative: a duration is zero or more"),
        ("", "'' is empty"),
    ],
)
def test_invalid_wait_gives_the_reason(text: str, says: str) -> None:
    with pytest.raises(InvalidDuration) as refused:
        parse_wait(text)
    assert str(refused.value) == says


@pytest.mark.parametrize(
    ("wait", "text", "is_of_days"),
    [
        (Wait(), "0 minutes", False),  # no wait at all
        (Wait(2), "2 months", True),
        (Wait(1, timedelta(days=3)), "1 month 3 days", True),
        (Wait(1, timedelta(hours=3)), "1 month 3 hours", False),
        (Wait(0, timedelta(weeks=1)), "1 week", True),
        (Wait(0, timedelta(hours=24)), "1 day", True),
        (Wait(0, timedelta(hours=36)), "1 day 12 hours", False),
    ],
)
def test_wait_is_printed_and_says_whether_it_is_whole_days(wait: Wait, text: str, is_of_days: bool) -> None:
    assert (str(wait), wait.is_of_days, bool(wait)) == (text, is_of_days, wait != Wait())


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
        (timedelta(days=7, microseconds=7), "1 week"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(hours=2, seconds=2), "2 hours 2 seconds"),
    ],
)
def test_duration_is_formatted_in_words(duration: timedelta, text: str) -> None:
    assert format_duration(duration) == text


def test_negative_duration_cannot_be_formatted() -> None:
    with pytest.raises(InvalidDuration, match=r"^-1 day, 23:59:59 is negative: a duration is zero or more$"):
        format_duration(timedelta(seconds=-1))


@given(st.integers(0, int(LONGEST.total_seconds())))
def test_formatted_duration_can_be_parsed(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration


@given(st.integers(0, MOST_MONTHS), st.integers(0, int(LONGEST.total_seconds())))
def test_printed_wait_can_be_parsed(months: int, seconds: int) -> None:
    wait = Wait(months, timedelta(seconds=seconds))
    assert parse_wait(str(wait)) == wait


@given(st.text(max_size=30))
def test_any_text_is_a_duration_or_refused_by_name(text: str) -> None:
    with suppress(InvalidDuration):
        assert timedelta() <= parse_duration(text) <= LONGEST

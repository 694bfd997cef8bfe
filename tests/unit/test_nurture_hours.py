"""Run times of nurtures in the clinic's local time. The clinic is in New York."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.automation.nurtures.schedule import next_run, runs_between
from app.core.calendar.calendar import BusinessHours, Calendar
from tests.support.practice import at

NEW_YORK = ZoneInfo("America/New_York")
CALENDAR = Calendar(NEW_YORK, BusinessHours.from_json({}))
HOURS = ["09:00", "14:00", "18:00"]


@pytest.mark.parametrize(
    ("hours", "days", "after", "expected"),
    [
        (HOURS, None, "2026-03-10 08:59", "2026-03-10 09:00"),
        (HOURS, None, "2026-03-10 09:00", "2026-03-10 14:00"),  # after, and not at
        (HOURS, None, "2026-03-10 18:00", "2026-03-11 09:00"),
        (HOURS, ["mon", "fri"], "2026-03-10 08:00", "2026-03-13 09:00"),  # Tuesday: the next is Friday
        (HOURS, ["tue"], "2026-03-10 19:00", "2026-03-17 09:00"),
        (HOURS, None, "2026-03-07 18:00", "2026-03-08 09:00"),  # clocks go forward: still 9 in local time
        (["02:30"], None, "2026-03-07 12:00", "2026-03-08 03:00"),  # there is no 02:30: the first instant after the gap
        (["01:30"], None, "2026-10-31 12:00", "2026-11-01 01:30"),  # which comes twice: the first of them
    ],
)
def test_next_run_is_at_an_hour_of_the_local_clock(hours: list[str], days: list[str] | None, after: str, expected: str):
    assert next_run(hours, days, CALENDAR, after=at(after)) == at(expected)


def test_repeated_or_skipped_local_hour_gives_one_run():
    autumn = runs_between(["01:30"], None, CALENDAR, since=at("2026-11-01 00:00"), until=at("2026-11-01 12:00"))
    spring = runs_between(
        ["02:15", "02:45", "03:00"], None, CALENDAR, since=at("2026-03-08 00:00"), until=at("2026-03-08 12:00")
    )
    assert autumn == [datetime(2026, 11, 1, 5, 30, tzinfo=UTC)]  # 01:30 in daylight time
    assert spring == [datetime(2026, 3, 8, 7, 0, tzinfo=UTC)]  # 03:00 in daylight time


def test_runs_between_include_both_ends():
    found = runs_between(HOURS, None, CALENDAR, since=at("2026-03-10 09:00"), until=at("2026-03-10 18:00"))
    assert found == [at(f"2026-03-10 {hour}") for hour in HOURS]


@given(st.timedeltas(timedelta(), timedelta(days=730)))
def test_consecutive_runs_leave_none_out(later: timedelta):
    after = at("2026-01-01 00:00") + later
    one = next_run(HOURS, None, CALENDAR, after=after)
    two = next_run(HOURS, None, CALENDAR, after=one)
    assert after < one < two
    assert runs_between(HOURS, None, CALENDAR, since=one, until=two) == [one, two]

"""Schedules and relative periods of reports: pure date logic, over whole years and clock changes."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from app.analytics.reporting.relative_periods import RelativePeriod, span_of
from app.analytics.reporting.saved.schedules import AttachedFile, Every, Schedule, Weekday, mailing_of, mailings
from app.core.calendar.months import add_months

ZONES = ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "Asia/Kolkata", "Pacific/Apia"]
SEVEN = time(7)
ME = uuid4()
START = datetime(2026, 1, 1, tzinfo=UTC)


def weekly(weekday: Weekday = Weekday.MONDAY, at: str | None = "07:30") -> Schedule:
    return Schedule(Every.WEEK, (ME,), weekday=weekday, at=at)


def monthly(day: int, at: str | None = None) -> Schedule:
    return Schedule(Every.MONTH, (ME,), day=day, at=at)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("schedule", [weekly(), weekly(Weekday.SUNDAY, "02:30"), monthly(1), monthly(31, "00:00")])
def test_year_has_one_mailing_for_each_week_or_month(schedule: Schedule, zone: str) -> None:
    """A sweep every two hours, with outages of days, finds each mailing exactly once."""
    here, at, last = ZoneInfo(zone), START, START
    found = []
    while at < START + timedelta(days=366):
        is_outage = at.month in {2, 7} and at.day % 9 > 2
        if not is_outage:
            found += mailings(schedule, SEVEN, here, after=last, until=at)
            last = at
        at += timedelta(hours=2) if not is_outage else timedelta(hours=7)
    periods = [one.period for one in found]
    assert len(set(periods)) == len(periods)
    if schedule.every is Every.WEEK:
        assert {later - one for one, later in pairwise(periods)} == {timedelta(days=7)}
        assert len(periods) in {52, 53}
        assert {one.day.weekday() for one in found} == {list(Weekday).index(schedule.weekday or Weekday.MONDAY)}
    else:
        assert [add_months(one, 1) for one in periods[:-1]] == periods[1:]
        assert len(periods) in {12, 13}
    for one in found:
        wall = time.fromisoformat(schedule.at) if schedule.at else SEVEN
        local = one.due_at.astimezone(here)
        assert local.date() == one.day
        assert local.time() == wall or _is_skipped(one.day, wall, here)


def _is_skipped(day: date, wall: time, zone: ZoneInfo) -> bool:
    local = datetime.combine(day, wall, zone)
    return local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != datetime.combine(day, wall)


@pytest.mark.parametrize(
    ("zone", "day", "at", "due_at"),
    [
        ("America/New_York", date(2026, 3, 8), "07:00", "2026-03-08T11:00"),  # daylight time begins: 07:00-04:00
        ("America/New_York", date(2026, 3, 8), "02:30", "2026-03-08T07:00"),  # skipped: the end of the gap
        ("America/New_York", date(2026, 11, 1), "07:00", "2026-11-01T12:00"),  # and ends
        ("America/New_York", date(2026, 11, 1), "01:30", "2026-11-01T05:30"),  # twice: the first time
        ("Europe/Berlin", date(2026, 3, 29), "07:00", "2026-03-29T05:00"),
    ],
)
def test_hour_is_local_on_days_of_a_clock_change(zone: str, day: date, at: str, due_at: str) -> None:
    found = mailing_of(weekly(Weekday.SUNDAY, at), day - timedelta(days=6), SEVEN, ZoneInfo(zone))
    assert (found.day, found.due_at) == (day, datetime.fromisoformat(due_at).replace(tzinfo=UTC))


def test_short_months_use_their_last_day() -> None:
    found = mailings(monthly(31), SEVEN, ZoneInfo("UTC"), after=START, until=START + timedelta(days=130))
    assert [one.day for one in found] == [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30)]


def test_no_mailing_is_due_before_the_schedule_began() -> None:
    monday = datetime(2026, 1, 5, 7, 30, tzinfo=UTC)
    here = ZoneInfo("UTC")
    assert mailings(weekly(), SEVEN, here, after=monday, until=monday + timedelta(days=6)) == []
    assert len(mailings(weekly(), SEVEN, here, after=monday - timedelta(seconds=1), until=monday)) == 1


def test_schedule_survives_json() -> None:
    for one in (weekly(), monthly(3), Schedule(Every.MONTH, (ME, uuid4()), day=2, attach=AttachedFile.CSV)):
        assert Schedule.from_json(one.to_json()) == one


@pytest.mark.parametrize(
    ("period", "today", "first", "end"),
    [
        ("yesterday", "2026-03-01", "2026-02-28", "2026-03-01"),
        ("last_7_days", "2026-03-10", "2026-03-03", "2026-03-10"),
        ("last_90_days", "2026-03-10", "2025-12-10", "2026-03-10"),
        ("this_week", "2026-03-15", "2026-03-09", "2026-03-16"),  # a Sunday
        ("last_week", "2026-03-16", "2026-03-09", "2026-03-16"),  # a Monday
        ("this_month", "2026-02-28", "2026-02-01", "2026-03-01"),
        ("last_month", "2026-01-31", "2025-12-01", "2026-01-01"),
        ("this_quarter", "2026-05-20", "2026-04-01", "2026-05-21"),
        ("last_quarter", "2026-02-01", "2025-10-01", "2026-01-01"),
        ("this_year", "2024-12-31", "2024-01-01", "2025-01-01"),
        ("last_year", "2025-06-01", "2024-01-01", "2025-01-01"),
    ],
)
def test_relative_periods(period: str, today: str, first: str, end: str) -> None:
    found = span_of(RelativePeriod(period), date.fromisoformat(today))
    assert found == (date.fromisoformat(first), date.fromisoformat(end))


def test_periods_of_every_day_of_five_years_are_at_most_a_year_and_adjoin() -> None:
    day = date(2023, 1, 1)
    while day < date(2028, 1, 1):
        for period in RelativePeriod:
            first, end = span_of(period, day)
            assert timedelta() < end - first <= timedelta(days=366)
            assert end in {day + timedelta(days=1), day} or end <= day
        for unit in ("week", "month", "quarter", "year"):
            _, end = span_of(RelativePeriod(f"last_{unit}"), day)
            assert end == span_of(RelativePeriod(f"this_{unit}"), day)[0]
        day += timedelta(days=1)

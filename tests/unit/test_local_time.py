"""Conversion between instants and the clinic's local time."""

from dataclasses import FrozenInstanceError
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.core.calendar.calendar import BusinessHours, Calendar, start_of_day

HOURS = BusinessHours.from_json({"mon": [["09:00", "18:00"]]})
PARIS, APIA = map(ZoneInfo, ("Europe/Paris", "Pacific/Apia"))
CLINIC = Calendar(PARIS, HOURS)


def at(wall: str) -> datetime:
    return datetime.fromisoformat(wall).replace(tzinfo=PARIS).astimezone(UTC)


@pytest.mark.parametrize(
    ("zone", "wall", "instant"),
    [
        (PARIS, "2026-03-29 01:59", "2026-03-29T00:59Z"),
        (PARIS, "2026-03-29 02:00", "2026-03-29T01:00Z"),  # skipped: 03:00 summer time
        (PARIS, "2026-03-29 02:30:30.5", "2026-03-29T01:00Z"),
        (PARIS, "2026-10-25 02:30", "2026-10-25T00:30Z"),  # twice: the first, still summer time
        (ZoneInfo("Australia/Lord_Howe"), "2026-10-04 02:10", "2026-10-03T15:30Z"),  # 02:30 at +11:00
        (ZoneInfo("America/Sao_Paulo"), "2018-11-04 00:00", "2018-11-04T03:00Z"),  # 01:00 at -02:00
        (APIA, "2011-12-30 12:00", "2011-12-30T10:00Z"),  # 31 December 00:00 at +14:00
    ],
)
def test_local_time_maps_to_the_first_instant_at_or_after_it(zone: ZoneInfo, wall: str, instant: str) -> None:
    moment = datetime.fromisoformat(wall)
    calendar = Calendar(zone, HOURS)
    assert calendar.at_wall_time(moment.date(), moment.time()) == datetime.fromisoformat(instant)


def test_ambiguous_local_time_maps_to_its_first_occurrence() -> None:
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert CLINIC.at_wall_time(date(2026, 10, 25), time(2, 30, fold=1)) == first


@pytest.mark.parametrize(
    ("start", "days", "end", "hours"),
    [
        ("2026-03-28 10:00", 1, "2026-03-29 10:00", 23),
        ("2026-10-24 10:00", 1, "2026-10-25 10:00", 25),
        ("2026-10-26 10:00", -3, "2026-10-23 10:00", -73),
        ("2026-03-28 02:30", 1, "2026-03-29 03:00", 23.5),  # 02:30 is skipped
        ("2028-02-28 10:00", 1, "2028-02-29 10:00", 24),
        ("2027-02-28 10:00", 1, "2027-03-01 10:00", 24),
        ("2026-10-24 02:30", 0, "2026-10-24 02:30", 0),
    ],
)
def test_adding_days_keeps_the_local_time(start: str, days: int, end: str, hours: float) -> None:
    assert CLINIC.add_wall_days(at(start), days) == at(end)
    assert at(end) - at(start) == timedelta(hours=hours)


def test_adding_no_days_keeps_the_instant_in_an_overlap() -> None:
    second_half_past_two = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert CLINIC.add_wall_days(second_half_past_two, 0) == second_half_past_two
    assert CLINIC.local(second_half_past_two).isoformat() == "2026-10-25T02:30:00+01:00"


@pytest.mark.parametrize(
    ("zone", "day", "after", "instant"),
    [
        ("Europe/Paris", date(2026, 3, 29), "2026-03-28T10:00Z", "2026-03-28T23:00Z"),
        ("America/Havana", date(2026, 3, 8), "2026-03-07T10:00Z", "2026-03-08T05:00Z"),  # 00:00 is skipped: 01:00
        ("America/Havana", date(2026, 11, 1), "2026-10-31T10:00Z", "2026-11-01T04:00Z"),  # 00:00 occurs twice
    ],
)
def test_start_of_a_day_is_its_next_midnight(zone: str, day: date, after: str, instant: str) -> None:
    found = start_of_day(day, ZoneInfo(zone), after=datetime.fromisoformat(after))
    assert found == datetime.fromisoformat(instant)


def test_calendar_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        CLINIC.zone = APIA  # type: ignore[misc]

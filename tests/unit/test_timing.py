"""Due times of rules, with the arithmetic beside each row. The clinic is in New York, open 9 to 18."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.core.calendar.calendar import BusinessHours, Calendar
from app.core.calendar.durations import Wait, parse_wait
from app.engine.rules.timing import Due, LocalClock, Move, Timing, due_time, next_time

NEW_YORK, LOS_ANGELES = ZoneInfo("America/New_York"), ZoneInfo("America/Los_Angeles")
CALENDAR = Calendar(
    NEW_YORK, BusinessHours.from_json({day: [["09:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")})
)
RUNS = ["18:00", "09:00", "14:00"]  # in whatever order they are written


def at(wall: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    """An instant of a local time; "again" names its second occurrence when the clocks go back."""
    first = wall.removesuffix(" again")
    return datetime.fromisoformat(first).replace(tzinfo=zone, fold=int(first != wall)).astimezone(UTC)


def due(
    written: Any, happened: str, *, anchor: Any = None, is_before: bool = False, zone: Any = NEW_YORK
) -> Due | None:
    moment = at(happened)
    return due_time(Timing.read(written, is_before=is_before), anchor or moment, moment, LocalClock(CALENDAR, zone))


@pytest.mark.parametrize(
    ("written", "happened", "expected", "movers"),
    [
        ("0 seconds", "2026-03-10 10:00", "2026-03-10 10:00", []),
        ("3 days", "2026-03-10 10:00", "2026-03-13 10:00", []),
        ("1 month", "2026-01-31 10:00", "2026-02-28 10:00", []),  # there is no 31 February
        ("1 month", "2026-03-05 10:00", "2026-04-05 10:00", []),  # the same local hour after the clock change
        ("2 months 3 days", "2026-01-10 10:00", "2026-03-13 10:00", []),
        # opening hours: 30 minutes of Friday, 90 of Monday
        ({"time": "2 hours", "clock": "business"}, "2026-03-13 17:30", "2026-03-16 10:30", ["opening_hours"]),
        ({"time": "2 hours", "clock": "business"}, "2026-03-13 10:00", "2026-03-13 12:00", []),
        # working days: the same local time on the next one; from Sunday they count from Monday at 9
        ({"time": "1 day", "clock": "business"}, "2026-03-10 10:00", "2026-03-11 10:00", []),
        ({"time": "1 day", "clock": "business"}, "2026-03-13 15:00", "2026-03-16 15:00", ["opening_hours"]),
        ({"time": "2d", "clock": "business"}, "2026-03-15 10:00", "2026-03-18 09:00", ["opening_hours"]),
        # a working day, then opening hours: Monday at 17:00, and an hour of Tuesday
        ({"time": "1 day 2 hours", "clock": "business"}, "2026-03-13 17:00", "2026-03-17 10:00", ["opening_hours"]),
        # a week is the same weekday; 24 hours are opening hours: 3 of Friday, 9 of Monday and Tuesday, 3 of Wednesday
        ({"time": "1 week", "clock": "business"}, "2026-03-13 15:00", "2026-03-20 15:00", []),
        ({"time": "24 hours", "clock": "business"}, "2026-03-13 15:00", "2026-03-18 12:00", ["opening_hours"]),
        ({"time": "1 day", "clock": "opening_hours"}, "2026-03-13 15:00", "2026-03-18 12:00", ["opening_hours"]),
        ({"time": "1 month 1 day", "clock": "business"}, "2026-02-13 15:00", "2026-03-16 15:00", ["opening_hours"]),
        # days on which the clinic is open: the same local time on the next one
        ({"time": "24 hours", "clock": "business_days"}, "2026-03-10 10:00", "2026-03-11 10:00", []),
        ({"time": "24 hours", "clock": "business_days"}, "2026-03-13 15:00", "2026-03-16 15:00", ["opening_hours"]),
        # Sunday counts from Monday at 9; Tuesday evening from Wednesday at 9
        ({"time": "24 hours", "clock": "business_days"}, "2026-03-15 10:00", "2026-03-17 09:00", ["opening_hours"]),
        ({"time": "24 hours", "clock": "business_days"}, "2026-03-10 20:00", "2026-03-12 09:00", ["opening_hours"]),
        # 12 hours after 10:00 are 22:00, when it is closed
        ({"time": "12 hours", "clock": "business_days"}, "2026-03-10 10:00", "2026-03-11 09:00", ["opening_hours"]),
        # an hour of the day: of that very day where days are waited for, whatever the hour was
        ({"time": "3 days", "at": "09:00"}, "2026-03-10 15:00", "2026-03-13 09:00", ["hour_of_day"]),
        ({"time": "1 month", "at": "09:00"}, "2026-03-10 15:00", "2026-04-10 09:00", ["hour_of_day"]),
        # else the next time that it is that hour
        ({"time": "2 hours", "at": "09:00"}, "2026-03-10 15:00", "2026-03-11 09:00", ["hour_of_day"]),
        ({"time": "2 hours", "at": "18:00"}, "2026-03-10 15:00", "2026-03-10 18:00", ["hour_of_day"]),
        ({"at": "09:00"}, "2026-03-10 15:00", "2026-03-11 09:00", ["hour_of_day"]),
        ({"at": "09:00"}, "2026-03-10 09:00", "2026-03-11 09:00", ["hour_of_day"]),  # the next one: it is 9 already
        ({"at": "09:00"}, "2026-03-10 09:00:07", "2026-03-11 09:00", ["hour_of_day"]),
        ({"at": "09:00"}, "2026-03-10 08:59:59.999999", "2026-03-10 09:00", ["hour_of_day"]),  # a microsecond later
        # elapsed time also in the hour that comes twice: 30 minutes after 01:30, the second time, are 02:00
        ("30 minutes", "2026-11-01 01:30 again", "2026-11-01 02:00", []),
        # of several hours the first one once the wait is over, whatever it is counted in
        ({"time": "24 hours", "at": RUNS}, "2026-03-10 09:00", "2026-03-11 09:00", []),
        # a step runs some moments after its hour: an hour may come 1/24 of the wait too early, at most an hour
        ({"time": "24 hours", "at": RUNS}, "2026-03-10 09:00:07", "2026-03-11 09:00", ["hour_of_day"]),
        ({"time": "24 hours", "at": RUNS}, "2026-03-10 10:00", "2026-03-11 09:00", ["hour_of_day"]),
        ({"time": "24 hours", "at": RUNS}, "2026-03-10 10:01", "2026-03-11 14:00", ["hour_of_day"]),
        ({"time": "1 day", "at": RUNS}, "2026-03-10 18:01", "2026-03-11 18:00", ["hour_of_day"]),
        ({"time": "2 hours", "at": ["09:00", "11:00"]}, "2026-03-10 09:05", "2026-03-10 11:00", ["hour_of_day"]),
        ({"time": "2 hours", "at": ["09:00", "11:00"]}, "2026-03-10 09:06", "2026-03-11 09:00", ["hour_of_day"]),
        # 1/24 of 2 hours is 5 minutes: 11:00 is a second too early for 11:05:01
        ({"time": "2 hours", "at": ["09:00", "11:00"]}, "2026-03-10 09:05:01", "2026-03-11 09:00", ["hour_of_day"]),
        # 1/24 of 2 days would be 2 hours, of a month more: an hour at most
        ({"time": "48 hours", "at": RUNS}, "2026-03-10 10:00", "2026-03-12 09:00", ["hour_of_day"]),
        ({"time": "48 hours", "at": RUNS}, "2026-03-10 10:01", "2026-03-12 14:00", ["hour_of_day"]),
        ({"time": "1 month", "at": RUNS}, "2026-03-10 10:00", "2026-04-10 09:00", ["hour_of_day"]),
        ({"time": "1 month", "at": RUNS}, "2026-03-10 10:01", "2026-04-10 14:00", ["hour_of_day"]),
        ({"time": "12 hours", "at": "21:00"}, "2026-03-10 09:00:07", "2026-03-10 21:00", ["hour_of_day"]),
        ({"at": RUNS}, "2026-03-10 15:00", "2026-03-10 18:00", ["hour_of_day"]),
        # 24 hours from 09:30 on Saturday are 10:30 on Sunday: the clocks went on meanwhile
        ({"time": "24 hours", "at": RUNS}, "2026-03-07 09:30", "2026-03-08 14:00", ["hour_of_day"]),
        # and there is no 02:30 that day: the first instant after the gap stands for it
        ({"time": "24 hours", "at": ["02:30", "09:00"]}, "2026-03-07 02:00", "2026-03-08 03:00", []),
        ({"on_day": 10, "at": RUNS}, "2026-03-10 11:00", "2026-03-10 14:00", ["day_of_month"]),
        ({"on_day": 10, "at": RUNS}, "2026-03-10 18:01", "2026-04-10 09:00", ["day_of_month"]),
        ({"time": "1 month", "on_day": 1, "at": "09:00"}, "2026-04-01 09:00:07", "2026-05-01 09:00", ["day_of_month"]),
        # a day of the month, the last where there is none such
        ({"on_day": 1, "at": "10:00"}, "2026-03-10 15:00", "2026-04-01 10:00", ["day_of_month"]),
        ({"on_day": 10, "at": "10:00"}, "2026-03-10 09:00", "2026-03-10 10:00", ["day_of_month"]),
        ({"on_day": 10, "at": "10:00"}, "2026-03-10 11:00", "2026-04-10 10:00", ["day_of_month"]),  # its hour is over
        ({"on_day": 31, "at": "10:00"}, "2026-04-10 09:00", "2026-04-30 10:00", ["day_of_month"]),
        # without an hour: the local time at which the wait ends
        ({"on_day": 1}, "2026-03-10 15:00", "2026-04-01 15:00", ["day_of_month"]),
        ({"on_day": 10}, "2026-03-10 15:00", "2026-03-10 15:00", []),
        ({"time": "3 days", "on_day": 12}, "2026-03-10 15:00", "2026-04-12 15:00", ["day_of_month"]),
        ({"on_day": 1}, "2026-11-01 01:30", "2026-11-01 01:30", []),  # the first of the two
        ({"on_day": 1}, "2026-11-01 01:30 again", "2026-11-01 01:30 again", []),
    ],
)
def test_delay_after_the_event(written: Any, happened: str, expected: str, movers: list[str]):
    found = due(written, happened)

    assert found is not None
    assert (found.at, [move.by for move in found.moves]) == (at(expected), movers)


def test_due_time_keeps_the_plain_wait_and_every_shift():
    found = due({"time": "2 hours", "clock": "business", "at": "12:00"}, "2026-03-13 17:30")

    moves = (Move("opening_hours", at("2026-03-16 10:30")), Move("hour_of_day", at("2026-03-16 12:00")))
    assert found == Due(at("2026-03-16 12:00"), moves, at("2026-03-13 19:30"))


def test_due_time_without_shifts_is_the_plain_wait():
    assert due("3 days", "2026-03-10 10:00") == Due(at("2026-03-13 10:00"), (), None)


def test_every_part_of_a_timing_is_read():
    assert Timing.read("0 minutes") == Timing.read({}) == Timing(Wait(), False, False, (), "clinic", None, None, False)
    written = {"time": "3 days", "clock": "business", "at": RUNS, "zone": "lead", "on_day": 1, "of": "x"}
    hours = (time(9), time(14), time(18))
    assert Timing.read(written, is_before=True) == Timing(
        Wait(0, timedelta(days=3)), True, False, hours, "lead", 1, "x", True
    )
    assert Timing() == Timing.read({})


def test_hour_uses_the_zone_that_the_rule_names():
    found = due({"time": "1 day", "at": "09:00", "zone": "lead"}, "2026-03-10 15:00", zone=LOS_ANGELES)

    assert found is not None
    assert found.at == at("2026-03-11 09:00", LOS_ANGELES)


EXPIRY = date(2026, 9, 1)


@pytest.mark.parametrize(
    ("written", "is_before", "happened", "expected"),
    [
        # 1 September less 180 days is 5 March
        ({"time": "180 days", "of": "x", "at": "09:00"}, True, "2026-01-10 15:00", "2026-03-05 09:00"),
        ({"time": "6 months", "of": "x", "at": "09:00"}, True, "2026-01-10 15:00", "2026-03-01 09:00"),
        # closer than that already: at once; over: not at all
        ({"time": "180 days", "of": "x", "at": "09:00"}, True, "2026-06-10 15:00", "2026-06-10 15:00"),
        ({"time": "180 days", "of": "x", "at": "09:00"}, True, "2026-09-02 15:00", None),
        ({"time": "180 days", "of": "x", "at": RUNS}, True, "2026-01-10 15:00", "2026-03-05 09:00"),
        # after a date
        ({"time": "3 days", "of": "x", "at": "09:00"}, False, "2026-01-10 15:00", "2026-09-04 09:00"),
        ({"time": "3 days", "of": "x", "at": "09:00"}, False, "2026-09-05 15:00", None),
        ({"time": "3 days", "of": "x", "at": "09:00"}, False, "2026-09-04 09:00", "2026-09-04 09:00"),
        ({"time": "3 days 5 hours", "of": "x"}, False, "2026-01-10 15:00", "2026-09-04 05:00"),
        ({"of": "x", "at": "00:00"}, False, "2026-01-10 15:00", "2026-09-01 00:00"),  # the beginning of the date
        # 36 hours before midnight are 30 August 12:00: one hour is of that day, of several the first one after that
        ({"time": "36 hours", "of": "x"}, True, "2026-01-10 15:00", "2026-08-30 12:00"),
        ({"time": "36 hours", "of": "x", "at": "09:00"}, True, "2026-01-10 15:00", "2026-08-30 09:00"),
        ({"time": "36 hours", "of": "x", "at": ["09:00", "14:00"]}, True, "2026-01-10 15:00", "2026-08-30 14:00"),
        # the first day of a month, 180 days before at the latest
        ({"time": "180 days", "of": "x", "on_day": 1, "at": "09:00"}, True, "2026-01-10 15:00", "2026-04-01 09:00"),
        ({"time": "180 days", "of": "x", "on_day": 1}, True, "2026-01-10 15:00", "2026-04-01 00:00"),
    ],
)
def test_delay_relative_to_a_date(written: Any, is_before: bool, happened: str, expected: str | None):
    found = due(written, happened, anchor=EXPIRY, is_before=is_before)

    assert (found and found.at) == (expected and at(expected))


@pytest.mark.parametrize(
    ("written", "is_before", "anchor", "happened", "expected", "movers"),
    [
        ("2 hours", True, "2026-03-12 09:00", "2026-03-10 10:00", "2026-03-12 07:00", []),
        ("1 month", True, "2026-03-31 10:00", "2026-01-10 10:00", "2026-02-28 10:00", []),  # there is no 31 February
        ("1 month 2 hours", True, "2026-03-31 10:00", "2026-01-10 10:00", "2026-02-28 08:00", []),
        # elapsed time also in the hour that comes twice
        ("30 minutes", True, "2026-11-01 01:30 again", "2026-10-10 10:00", "2026-11-01 01:00 again", []),
        ("2 hours", True, "2026-03-12 09:00", "2026-03-12 08:00", "2026-03-12 08:00", ["at_once"]),
        ("2 hours", True, "2026-03-12 09:00", "2026-03-12 07:00", "2026-03-12 07:00", []),
        ("2 hours", True, "2026-03-12 09:00", "2026-03-12 09:00", None, []),  # the instant has come
        ("2 hours", False, "2026-03-12 09:00", "2026-03-12 11:00", "2026-03-12 11:00", []),
        ("2 hours", False, "2026-03-12 09:00", "2026-03-12 11:01", None, []),
    ],
)
def test_delay_relative_to_an_instant(
    written: str, is_before: bool, anchor: str, happened: str, expected: str | None, movers: list[str]
):
    found = due({"time": written, "of": "x"}, happened, anchor=at(anchor), is_before=is_before)

    assert (found and found.at) == (expected and at(expected))
    assert [move.by for move in found.moves] == movers if found else expected is None


@pytest.mark.parametrize(
    ("every", "last", "now", "expected"),
    [
        ("1 week", "2026-03-03 10:00", "2026-03-03 10:00", "2026-03-10 10:00"),  # 10:00 local time before and after
        ("1 month", "2026-01-01 10:00", "2026-01-01 10:02", "2026-02-01 10:00"),
        ("1 month", "2026-01-01 10:00", "2026-04-15 10:00", "2026-05-01 10:00"),  # months of downtime: none are made up
        ("1 day", "2026-03-07 10:00", "2026-03-07 10:00", "2026-03-08 10:00"),
        ("1 day 2 hours", "2026-03-03 10:00", "2026-03-03 10:00", "2026-03-04 12:00"),
        ("1 month 1 day", "2026-01-31 10:00", "2026-01-31 10:00", "2026-03-01 10:00"),  # 28 February and a day
        ("90 minutes", "2026-11-01 01:30 again", "2026-11-01 01:30 again", "2026-11-01 03:00"),
    ],
)
def test_repetition_keeps_its_hour(every: str, last: str, now: str, expected: str):
    assert next_time(parse_wait(every), at(last), at(now), CALENDAR) == at(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 months", Wait(2)),
        ("1 month 3 days", Wait(1, timedelta(days=3))),
        ("6mo", Wait(6)),
        ("5 minutes", Wait(0, timedelta(minutes=5))),
        ("5m", Wait(0, timedelta(minutes=5))),
    ],
)
def test_months_are_calendar_months(text: str, expected: Wait):
    assert parse_wait(text) == expected
    assert parse_wait(str(expected)) == expected

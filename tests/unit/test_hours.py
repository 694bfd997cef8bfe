"""Validation of opening hours and holidays."""

from dataclasses import FrozenInstanceError
from datetime import date, time, timedelta

import pytest

from app.core.calendar.hours import BusinessHours, HolidayCalendar, InvalidHours, QuietHours, UnknownHolidays
from app.core.validation.validation_errors import Mistake

NOT_A_WEEKDAY = "is not a weekday; these are mon, tue, wed, thu, fri, sat, sun"
NOT_WINDOWS = 'must be a list of windows such as ["09:00", "18:00"]'
NOT_A_WINDOW = 'must be a window such as ["09:00", "18:00"]'


def test_opening_hours_survive_the_round_trip() -> None:
    week: dict[str, list[list[str]]] = {
        **{day: [["09:00", "12:00"], ["13:30", "18:00"]] for day in ("mon", "tue", "wed", "thu")},
        "fri": [["00:00", "24:00"]],
        "sat": [["09:00", "12:00"], ["12:00", "13:00"]],
        "sun": [],
    }
    assert BusinessHours.from_json(week).to_json() == week


def test_missing_day_is_closed_and_windows_may_come_in_any_order() -> None:
    hours = BusinessHours.from_json({"mon": [["13:00", "18:00"], ["09:00", "12:00"]]})
    assert hours.to_json() == {
        "mon": [["09:00", "12:00"], ["13:00", "18:00"]],
        **{day: [] for day in ("tue", "wed", "thu", "fri", "sat", "sun")},
    }


@pytest.mark.parametrize(
    ("value", "place", "problem"),
    [
        ([], "business_hours", "must map weekdays to lists of windows"),
        ({"monday": []}, "business_hours.monday", NOT_A_WEEKDAY),
        ({1: []}, "business_hours.1", NOT_A_WEEKDAY),
        ({"mon": "09:00-18:00"}, "business_hours.mon", NOT_WINDOWS),
        ({"mon": None}, "business_hours.mon", NOT_WINDOWS),
        ({"mon": [["09:00", "18:00"], "18:00"]}, "business_hours.mon[1]", NOT_A_WINDOW),
        ({"mon": [["09:00"]]}, "business_hours.mon[0]", NOT_A_WINDOW),
        ({"mon": [["09:00", "18:00", "19:00"]]}, "business_hours.mon[0]", NOT_A_WINDOW),
        ({"mon": [["09:00", 18]]}, "business_hours.mon[0][1]", "18 is not a time from 00:00 to 24:00"),
        ({"mon": [["9:00", "18:00"]]}, "business_hours.mon[0][0]", "'9:00' is not a time from 00:00 to 24:00"),
        ({"mon": [["09:00", "24:01"]]}, "business_hours.mon[0][1]", "'24:01' is not a time from 00:00 to 24:00"),
        ({"mon": [["09:00", "18:60"]]}, "business_hours.mon[0][1]", "'18:60' is not a time from 00:00 to 24:00"),
        ({"mon": [["09:00", "18:00\n"]]}, "business_hours.mon[0][1]", r"'18:00\n' is not a time from 00:00 to 24:00"),
        (
            {"mon": [["18:00", "09:00"]]},
            "business_hours.mon[0]",
            "closes at 09:00, not after 18:00; split a night at 24:00",
        ),
        (
            {"mon": [["09:00", "09:00"]]},
            "business_hours.mon[0]",
            "closes at 09:00, not after 09:00; split a night at 24:00",
        ),
        (
            {"fri": [["22:00", "00:00"]]},
            "business_hours.fri[0]",
            "closes at 00:00, not after 22:00; split a night at 24:00",
        ),
        (
            {"tue": [["09:00", "12:00"], ["11:59", "18:00"]]},
            "business_hours.tue[1]",
            "overlaps business_hours.tue[0]",
        ),
        (
            {"tue": [["11:59", "18:00"], ["09:00", "12:00"]]},
            "business_hours.tue[0]",
            "overlaps business_hours.tue[1]",
        ),
    ],
)
def test_error_in_the_hours_names_the_path(value: object, place: str, problem: str) -> None:
    with pytest.raises(InvalidHours) as refused:
        BusinessHours.from_json(value)
    assert refused.value.mistakes == (Mistake(place, problem),)
    assert str(refused.value) == f"{place}: {problem}"


@pytest.mark.parametrize(
    ("country", "subdivision", "day", "closed"),
    [
        ("FR", None, date(2026, 7, 14), True),
        ("FR", None, date(2026, 7, 15), False),
        ("FR", None, date(2026, 4, 3), False),  # Good Friday is kept in Alsace only
        ("FR", "6AE", date(2026, 4, 3), True),
        ("US", None, date(2026, 7, 14), False),
        (
            "US",
            None,
            date(2021, 12, 31),
            True,
        ),  # New Year's Day 2022 is a Saturday, observed the Friday before
        (None, None, date(2026, 7, 14), False),
    ],
)
def test_public_holidays_follow_country_and_subdivision(
    country: str | None, subdivision: str | None, day: date, closed: bool
) -> None:
    assert (day in HolidayCalendar(country, subdivision)) is closed


def test_clinic_adds_closed_dates() -> None:
    summer = HolidayCalendar("FR", closed=frozenset({date(2026, 8, 14)}))
    assert [date(2026, 8, day) in summer for day in (13, 14, 15)] == [False, True, True]


@pytest.mark.parametrize(("country", "subdivision"), [("XX", None), ("", None), ("FR", "Mars")])
def test_unknown_country_or_subdivision_is_refused(country: str, subdivision: str | None) -> None:
    with pytest.raises(UnknownHolidays):
        HolidayCalendar(country, subdivision)


def test_quiet_hours_of_the_whole_day_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^quiet hours end at another time .* for none at all, use None$"):
        QuietHours(time(8), time(8))


@pytest.mark.parametrize(
    ("starts", "ends", "length"),
    [
        ("21:00", "08:00", timedelta(hours=11)),
        ("21:15", "08:45", timedelta(hours=11, minutes=30)),
        ("21:45", "08:15", timedelta(hours=10, minutes=30)),
        ("12:00", "14:30", timedelta(hours=2, minutes=30)),
        ("08:00", "07:59", timedelta(hours=23, minutes=59)),
    ],
)
def test_length_of_quiet_hours(starts: str, ends: str, length: timedelta) -> None:
    quiet = QuietHours.from_json({"starts": starts, "ends": ends})
    assert quiet == QuietHours(time.fromisoformat(starts), time.fromisoformat(ends))
    assert quiet.length == length


def test_only_dates_are_holidays() -> None:
    calendar = HolidayCalendar("FR", closed=frozenset({date(2026, 8, 14)}))
    assert [day in calendar for day in ("2026-07-14", None, 20260714)] == [False, False, False]


@pytest.mark.parametrize(
    ("value", "equal", "field"),
    [
        (BusinessHours.from_json({}), BusinessHours.from_json({"mon": []}), "days"),
        (QuietHours(time(21), time(8)), QuietHours(time(21), time(8)), "ends"),
        (HolidayCalendar("FR", closed=frozenset()), HolidayCalendar("FR"), "country"),
    ],
)
def test_hours_are_constant_values(value: object, equal: object, field: str) -> None:
    assert (value == equal, hash(value) == hash(equal)) == (True, True)
    with pytest.raises(FrozenInstanceError):
        setattr(value, field, None)


def test_hours_of_some_weekdays_only_are_not_written() -> None:
    with pytest.raises(ValueError, match="zip"):
        BusinessHours(((), ())).to_json()

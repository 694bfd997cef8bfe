"""Opening hours, including daylight-saving changes and skipped days."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.core.calendar.calendar import (
    BusinessHours,
    Calendar,
    HolidayCalendar,
    NaiveInstant,
    NeverAllowed,
    NeverOpen,
    QuietHours,
)

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEKDAYS_9_TO_18 = BusinessHours.from_json({day: [["09:00", "18:00"]] for day in DAYS[:5]})
PARIS, NEW_YORK, APIA = map(ZoneInfo, ("Europe/Paris", "America/New_York", "Pacific/Apia"))

CLINIC = Calendar(PARIS, WEEKDAYS_9_TO_18, closed_on=HolidayCalendar("FR", closed=frozenset({date(2026, 8, 14)})))


def at(wall: str, zone: ZoneInfo = PARIS) -> datetime:
    return datetime.fromisoformat(wall).replace(tzinfo=zone).astimezone(UTC)


def daily(zone: str, *windows: list[str]) -> Calendar:
    return Calendar(ZoneInfo(zone), BusinessHours.from_json(dict.fromkeys(DAYS, windows)))


@pytest.mark.parametrize(
    ("captured", "delta", "due"),
    [
        # 2 min are left on Friday, 3 are taken from Monday 09:00
        ("2026-03-06 17:58", timedelta(minutes=5), "2026-03-09 09:03"),
        # 17:55 + 5 min is closing time itself; a microsecond more is Monday's
        ("2026-03-06 17:55", timedelta(minutes=5), "2026-03-06 18:00"),
        ("2026-03-06 17:55", timedelta(minutes=5, microseconds=1), "2026-03-09 09:00:00.000001"),
        # on Saturday, at night and at closing time itself nothing counts before the next opening
        ("2026-03-07 11:00", timedelta(minutes=5), "2026-03-09 09:05"),
        ("2026-03-09 03:00", timedelta(minutes=5), "2026-03-09 09:05"),
        ("2026-03-06 18:00", timedelta(minutes=5), "2026-03-09 09:05"),
        # at once: now when open, else when it opens
        ("2026-03-06 12:00", timedelta(0), "2026-03-06 12:00"),
        ("2026-03-07 12:00", timedelta(0), "2026-03-09 09:00"),
        # Monday 10:00: 8 h to 18:00, 9 h of Tuesday, 24 - 17 = 7 h of Wednesday
        ("2026-03-09 10:00", timedelta(hours=24), "2026-03-11 16:00"),
        # Thursday 17:58, Friday 1 May is Labour Day, then the weekend
        ("2026-04-30 17:58", timedelta(minutes=5), "2026-05-04 09:03"),
        # Christmas Eve is a Thursday: 1 h of it, Christmas and the weekend closed, 1 h of Monday
        ("2026-12-24 17:00", timedelta(hours=2), "2026-12-28 10:00"),
        # the clinic's own closed Friday, then Assumption on Saturday
        ("2026-08-13 17:58", timedelta(minutes=5), "2026-08-17 09:03"),
        # leap day: Monday 28 February 2028, 1 h + 1 h of Tuesday 29; and from the 29th to 1 March
        ("2028-02-28 17:00", timedelta(hours=2), "2028-02-29 10:00"),
        ("2028-02-29 17:00", timedelta(hours=2), "2028-03-01 10:00"),
        # clocks change at the weekend: the local time is the same
        ("2026-03-27 17:58", timedelta(minutes=5), "2026-03-30 09:03"),
        ("2026-10-23 17:58", timedelta(minutes=5), "2026-10-26 09:03"),
    ],
)
def test_business_time_counts_only_while_the_clinic_is_open(captured: str, delta: timedelta, due: str) -> None:
    assert CLINIC.add_business_time(at(captured), delta) == at(due)
    assert CLINIC.business_time_between(at(captured), at(due)) == delta
    assert CLINIC.business_time_between(at(due), at(captured)) == -delta


def test_a_lunch_break_does_not_count() -> None:
    clinic = daily("Europe/Paris", ["14:00", "18:00"], ["09:00", "12:00"])
    # 11:45: 15 min to noon, 45 min from 14:00
    assert clinic.add_business_time(at("2026-03-09 11:45"), timedelta(hours=1)) == at("2026-03-09 14:45")


@pytest.mark.parametrize("closing", ["2026-03-09 18:00", "2026-03-10 00:00"])
def test_result_at_closing_time_stays_at_closing_time(closing: str) -> None:
    clinic = daily("Europe/Paris", ["09:00", "18:00"], ["20:00", "24:00"])
    due = clinic.add_business_time(at(closing) - timedelta(minutes=5), timedelta(minutes=5))
    assert due == clinic.add_business_time(due, timedelta(0)) == at(closing)


def test_adjacent_windows_at_midnight_count_as_one() -> None:
    clinic = daily("Europe/Paris", ["00:00", "12:00"], ["12:00", "24:00"])
    assert clinic.add_business_time(at("2026-03-09 10:00"), timedelta(days=3)) == at("2026-03-12 10:00")


def test_results_are_in_utc_for_any_input_zone() -> None:
    friday_evening = datetime(2026, 3, 6, 11, 58, tzinfo=NEW_YORK)  # 17:58 in Paris
    due = CLINIC.add_business_time(friday_evening, timedelta(minutes=5))
    assert due.tzinfo is UTC
    assert due.isoformat() == "2026-03-09T08:03:00+00:00"


@pytest.mark.parametrize(
    ("instant", "is_open", "next_open"),
    [
        ("2026-03-06 08:59:59.999999", False, "2026-03-06 09:00"),
        ("2026-03-06 09:00", True, "2026-03-06 09:00"),
        ("2026-03-06 17:59:59.999999", True, "2026-03-06 17:59:59.999999"),
        ("2026-03-06 18:00", False, "2026-03-09 09:00"),
        ("2026-05-01 10:00", False, "2026-05-04 09:00"),
    ],
)
def test_clinic_is_open_from_opening_until_just_before_closing(instant: str, is_open: bool, next_open: str) -> None:
    assert CLINIC.is_open(at(instant)) is is_open
    assert CLINIC.next_open(at(instant)) == at(next_open)


@pytest.mark.parametrize(
    ("zone", "day", "window", "minutes"),
    [
        ("Europe/Paris", "2026-03-28", ["01:00", "05:00"], 240),  # an ordinary night
        ("Europe/Paris", "2026-03-29", ["01:00", "05:00"], 240 - 60),  # 02:00 -> 03:00
        ("Europe/Paris", "2026-03-29", ["02:30", "04:00"], 60),  # opens at 03:00, once the gap is over
        ("Europe/Paris", "2026-03-29", ["02:15", "02:45"], 0),  # never comes
        ("Europe/Paris", "2026-10-25", ["01:00", "05:00"], 240 + 60),  # 03:00 -> 02:00
        ("Europe/Paris", "2026-10-25", ["02:15", "02:45"], 30),  # comes twice, opens once
        ("America/New_York", "2026-03-08", ["01:00", "05:00"], 240 - 60),  # 02:00 -> 03:00
        ("America/New_York", "2026-11-01", ["01:00", "05:00"], 240 + 60),  # 02:00 -> 01:00
        ("Australia/Lord_Howe", "2026-10-04", ["01:00", "05:00"], 240 - 30),  # 02:00 -> 02:30
        ("Australia/Lord_Howe", "2026-04-05", ["01:00", "05:00"], 240 + 30),  # 02:00 -> 01:30
        ("America/Sao_Paulo", "2018-11-04", ["00:00", "04:00"], 240 - 60),  # 00:00 -> 01:00: no midnight
        ("America/Sao_Paulo", "2018-02-17", ["20:00", "24:00"], 240 + 60),  # 24:00 -> 23:00
        ("Africa/Cairo", "2024-04-26", ["00:00", "04:00"], 240 - 60),  # 00:00 -> 01:00: no midnight
        ("Pacific/Apia", "2011-12-30", ["00:00", "24:00"], 0),  # the day that Samoa skipped
    ],
)
def test_window_length_follows_clock_changes(zone: str, day: str, window: list[str], minutes: int) -> None:
    weekday = DAYS[date.fromisoformat(day).weekday()]
    clinic = Calendar(ZoneInfo(zone), BusinessHours.from_json({weekday: [window]}))
    noon_before, noon_after = (
        datetime.combine(date.fromisoformat(day) + timedelta(days), time(12), UTC) for days in (-2, 2)
    )
    assert clinic.business_time_between(noon_before, noon_after) == timedelta(minutes=minutes)


def test_window_inside_the_clock_gap_opens_the_week_after() -> None:
    sundays = Calendar(PARIS, BusinessHours.from_json({"sun": [["02:15", "02:45"]]}))
    assert sundays.add_business_time(at("2026-03-28 12:00"), timedelta(0)) == at("2026-04-05 02:15")


def test_open_day_stays_open_when_clocks_go_back_over_midnight() -> None:
    # At 00:01 on Sunday (02:31 UTC) it was 23:01 on Saturday again; open from 02:30 UTC on.
    sundays = Calendar(ZoneInfo("America/St_Johns"), BusinessHours.from_json({"sun": [["00:00", "02:00"]]}))
    saturday_again = datetime(2006, 10, 29, 3, 0, tzinfo=UTC)
    assert sundays.local(saturday_again).isoformat() == "2006-10-28T23:30:00-03:30"
    assert sundays.is_open(saturday_again)
    noon = datetime(2006, 10, 28, 12, tzinfo=UTC)
    assert sundays.business_time_between(noon, saturday_again) == timedelta(minutes=30)


def test_clinic_in_samoa_opens_two_dates_later_after_the_skipped_day() -> None:
    clinic = daily("Pacific/Apia", ["09:00", "17:00"])
    due = clinic.add_business_time(at("2011-12-29 16:58", APIA), timedelta(minutes=5))
    assert due == at("2011-12-31 09:03", APIA)  # 2 min on the 29th, 3 min on the 31st


def closed_for(days: int) -> Calendar:
    closed = frozenset(date(2026, 1, 1) + timedelta(n) for n in range(days))
    hours = BusinessHours.from_json({day: [["09:00", "18:00"]] for day in DAYS})
    return Calendar(PARIS, hours, closed_on=closed)


def test_clinic_closed_for_a_year_opens_again() -> None:
    assert closed_for(366).next_open(at("2026-01-01 12:00")) == at("2027-01-02 09:00")


@pytest.mark.parametrize("clinic", [Calendar(PARIS, BusinessHours.from_json({})), closed_for(500)])
def test_business_days_of_a_clinic_that_never_opens_are_plain_days(clinic: Calendar) -> None:
    start = datetime(2026, 3, 10, 10, tzinfo=UTC)
    assert clinic.add_business_days(start, timedelta(days=2)) == start + timedelta(days=2)


@pytest.mark.parametrize("clinic", [Calendar(PARIS, BusinessHours.from_json({})), closed_for(500)])
def test_clinic_without_open_hours_is_never_open(clinic: Calendar) -> None:
    noon = at("2026-01-01 12:00")
    assert not clinic.is_open(noon)
    assert clinic.business_time_between(noon, noon + timedelta(days=30)) == timedelta()
    for ask in (clinic.next_open, lambda instant: clinic.add_business_time(instant, timedelta(minutes=5))):
        with pytest.raises(NeverOpen, match="400 closed days"):
            ask(noon)


def test_duration_beyond_twenty_years_of_opening_is_refused() -> None:
    minute_a_week = Calendar(PARIS, BusinessHours.from_json({"mon": [["09:00", "09:01"]]}))
    # Monday 5 January and 999 weeks more are 6,993 days; 1,099 weeks would be 7,693, and 7,305 are looked at
    due = minute_a_week.add_business_time(at("2026-01-01 12:00"), timedelta(minutes=1000))
    assert due == at("2026-01-05 09:01") + timedelta(days=6993)
    with pytest.raises(NeverOpen):
        minute_a_week.add_business_time(at("2026-01-01 12:00"), timedelta(minutes=1100))


def test_negative_business_time_is_refused() -> None:
    with pytest.raises(ValueError, match="never taken away"):
        CLINIC.add_business_time(at("2026-03-10 12:00"), timedelta(minutes=-5))


@pytest.mark.parametrize(
    "ask",
    [
        CLINIC.is_open,
        CLINIC.next_open,
        CLINIC.next_allowed,
        CLINIC.local,
        lambda naive: CLINIC.add_business_time(naive, timedelta(minutes=5)),
        lambda naive: CLINIC.business_time_between(at("2026-03-10 12:00"), naive),
        lambda naive: CLINIC.add_wall_days(naive, 3),
    ],
)
def test_naive_datetime_is_refused(ask: Callable[[datetime], object]) -> None:
    with pytest.raises(NaiveInstant):
        ask(at("2026-03-10 12:00").replace(tzinfo=None))


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        ("2026-03-06 15:00", timedelta(hours=24), "2026-03-09 15:00"),  # Friday -> Monday
        ("2026-03-08 10:00", timedelta(hours=24), "2026-03-10 09:00"),  # Sunday: from Monday 09:00 to Tuesday 09:00
        ("2026-03-06 10:00", timedelta(hours=2), "2026-03-06 12:00"),
        ("2026-03-06 17:00", timedelta(hours=2), "2026-03-09 09:00"),  # 19:00: closed
        ("2026-03-05 10:00", timedelta(days=2, hours=3), "2026-03-09 13:00"),  # Thursday -> Monday, 3 h later
        ("2026-03-06 10:00", timedelta(0), "2026-03-06 10:00"),
    ],
)
def test_business_days_skip_closed_days_and_end_while_open(start: str, days: timedelta, end: str) -> None:
    assert CLINIC.add_business_days(at(start), days) == at(end)


def test_business_days_are_plain_days_if_the_clinic_closes_for_more_than_400_days() -> None:
    start = at("2025-12-31 10:00")  # open; closed from 1 January on
    assert closed_for(399).add_business_days(start, timedelta(days=1)) == at("2027-02-04 10:00")
    for closed in (400, 401, 500):
        assert closed_for(closed).add_business_days(start, timedelta(days=1)) == start + timedelta(days=1)


@pytest.mark.parametrize("start", ["2026-01-01 12:00", "2026-01-02 12:00"])  # the first closed day, and the second
def test_search_for_an_opening_ends_after_400_closed_days(start: str) -> None:
    noon = at(start)
    assert closed_for(400).next_open(noon) == at("2027-02-05 09:00")
    with pytest.raises(NeverOpen):
        closed_for(401).next_open(noon)
    with pytest.raises(NeverOpen):
        closed_for(401).add_business_time(noon, timedelta(minutes=5))
    assert closed_for(401).due_after(noon, timedelta(minutes=5)) == noon + timedelta(minutes=5)


def test_search_for_business_time_ends_after_twenty_years() -> None:
    minute_a_week = Calendar(PARIS, BusinessHours.from_json({"mon": [["09:00", "09:01"]]}))
    # The last date of the search is 7,303 days after the first: 1,043 weeks and 2 days, a Monday after a Saturday.
    saturday = at("2026-01-03 12:00")
    due = minute_a_week.add_business_time(saturday, timedelta(minutes=1044))
    assert due == at("2026-01-05 09:01") + timedelta(weeks=1043)
    with pytest.raises(NeverOpen):
        minute_a_week.add_business_time(saturday, timedelta(minutes=1045))
    friday = at("2026-01-02 12:00")  # from here the search ends on Sunday
    assert minute_a_week.add_business_time(friday, timedelta(minutes=1043)) == due - timedelta(weeks=1)
    with pytest.raises(NeverOpen):
        minute_a_week.add_business_time(friday, timedelta(minutes=1044))


def test_search_for_a_time_to_send_ends_after_100_quiet_spans() -> None:
    """In winter the quiet days of London and of a zone 12 hours ahead leave no time; in summer they leave an hour."""
    zones = (ZoneInfo("Europe/London"), ZoneInfo("Etc/GMT-12"))
    days = Calendar(PARIS, WEEKDAYS_9_TO_18, quiet=QuietHours(time(8), time(20)))
    # Two spans end each day, at 08:00 and 20:00 UTC; the last one ends on 29 March at 19:00, 20:00 in London.
    allowed = datetime(2026, 3, 29, 19, tzinfo=UTC)
    assert days.next_allowed(datetime(2026, 2, 8, 12, tzinfo=UTC), zones) == allowed  # 99 spans
    with pytest.raises(NeverAllowed):
        days.next_allowed(datetime(2026, 2, 8, 7, tzinfo=UTC), zones)  # 100


def test_text_of_each_error() -> None:
    closed = Calendar(PARIS, BusinessHours.from_json({}))
    noon, naive = at("2026-03-10 12:00"), datetime(2026, 3, 10, 12)  # noqa: DTZ001
    refusals: list[tuple[Callable[[], object], str]] = [
        (
            lambda: closed.next_open(noon),
            "The clinic does not open again: 400 closed days in a row, or no result within twenty years.",
        ),
        (
            lambda: CLINIC.add_business_time(noon, -timedelta(minutes=5)),
            "business time is added, never taken away: -1 day, 23:55:00",
        ),
        (lambda: CLINIC.is_open(naive), "2026-03-10 12:00:00 has no zone"),
    ]
    for ask, message in refusals:
        with pytest.raises(ValueError) as refused:  # noqa: PT011
            ask()
        assert str(refused.value) == message
    assert str(NeverAllowed()) == "The quiet hours of these time zones together leave no time to send a message."


def test_zone_of_a_local_time_is_ignored() -> None:
    nine = time(9, 0, 30, tzinfo=NEW_YORK)
    assert CLINIC.at_wall_time(date(2026, 3, 10), nine) == at("2026-03-10 09:00:30")
    assert CLINIC.at_wall_time(date(2026, 3, 10), nine, APIA) == at("2026-03-10 09:00:30", APIA)


def test_months_are_added_in_local_time() -> None:
    assert CLINIC.add_wall_months(at("2026-01-31 10:00"), 1) == at("2026-02-28 10:00")
    assert CLINIC.add_wall_months(at("2026-02-15 10:00"), 2) == at("2026-04-15 10:00")

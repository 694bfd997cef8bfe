"""Quiet hours in the local time of a lead."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from app.core.calendar.calendar import BusinessHours, Calendar, NeverAllowed, QuietHours

HOURS = BusinessHours.from_json({"mon": [["09:00", "18:00"]]})
PARIS, NEW_YORK, LOS_ANGELES, APIA = map(
    ZoneInfo, ("Europe/Paris", "America/New_York", "America/Los_Angeles", "Pacific/Apia")
)


def at(wall: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(wall).replace(tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("instant", "allowed"),
    [
        ("2026-03-10T19:59:59.999999Z", "2026-03-10T19:59:59.999999Z"),  # 20:59:59 in Paris
        ("2026-03-10T20:00Z", "2026-03-11T07:00Z"),  # 21:00 -> 08:00
        ("2026-03-11T06:59:59Z", "2026-03-11T07:00Z"),
        ("2026-03-11T07:00Z", "2026-03-11T07:00Z"),
        ("2026-03-28T22:00Z", "2026-03-29T06:00Z"),  # 23:00 -> 08:00, the short night: 8 h
        ("2026-10-24T21:00Z", "2026-10-25T07:00Z"),  # 23:00 -> 08:00, the long night: 10 h
    ],
)
def test_no_message_between_nine_in_the_evening_and_eight(instant: str, allowed: str) -> None:
    clinic = Calendar(PARIS, HOURS)
    assert clinic.next_allowed(datetime.fromisoformat(instant)) == datetime.fromisoformat(allowed)


@pytest.mark.parametrize(
    ("quiet", "instant", "allowed"),
    [
        (
            QuietHours(time(21), time(2, 30)),
            "2026-03-29T00:00Z",
            "2026-03-29T01:00Z",
        ),  # ends in the gap: 03:00
        (QuietHours(time(21), time(2, 30)), "2026-10-24T23:00Z", "2026-10-25T00:30Z"),  # first 02:30
        (
            QuietHours(time(21), time(2, 30)),
            "2026-10-25T01:10Z",
            "2026-10-25T01:30Z",
        ),  # 02:10 again: second 02:30
        (QuietHours(time(12), time(14)), "2026-03-10T12:00Z", "2026-03-10T13:00Z"),  # 13:00 -> 14:00
        (None, "2026-03-10T23:00Z", "2026-03-10T23:00Z"),
    ],
)
def test_clinic_sets_its_own_quiet_hours(quiet: QuietHours | None, instant: str, allowed: str) -> None:
    clinic = Calendar(PARIS, HOURS, quiet=quiet)
    assert clinic.next_allowed(datetime.fromisoformat(instant)) == datetime.fromisoformat(allowed)


def test_quiet_hours_may_span_a_skipped_day() -> None:
    clinic = Calendar(APIA, HOURS)  # Samoa went from the 29th of December 2011 to the 31st
    assert clinic.next_allowed(at("2011-12-29 22:00", APIA)) == at("2011-12-31 08:00", APIA)


def test_quiet_hours_use_the_leads_zone() -> None:
    clinic = Calendar(NEW_YORK, HOURS)
    nine_in_new_york = at("2026-03-10 09:00", NEW_YORK)  # 06:00 in Los Angeles
    assert clinic.next_allowed(nine_in_new_york) == nine_in_new_york
    assert clinic.next_allowed(nine_in_new_york, [LOS_ANGELES]) == at("2026-03-10 08:00", LOS_ANGELES)


def test_lead_with_two_zones_is_contacted_outside_quiet_hours_of_both() -> None:
    clinic = Calendar(NEW_YORK, HOURS)
    evening = at("2026-03-10 18:30", LOS_ANGELES)  # 21:30 in New York, which wakes at 05:00 of Los Angeles
    assert clinic.next_allowed(evening, [LOS_ANGELES, NEW_YORK]) == at("2026-03-11 08:00", LOS_ANGELES)


def test_zones_with_quiet_hours_all_day_are_reported() -> None:
    by_night = Calendar(PARIS, HOURS, quiet=QuietHours(time(8), time(20)))
    with pytest.raises(NeverAllowed):
        by_night.next_allowed(at("2026-03-10 12:00", PARIS), [ZoneInfo("Etc/GMT"), ZoneInfo("Etc/GMT-12")])

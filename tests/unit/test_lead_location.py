"""Possible time zones and holidays of a lead."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from app.leads.contact.location import public_holidays_of, time_zones_of

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("timezone", "phone", "places"),
    [
        (None, None, ["America/New_York"]),
        ("Europe/Berlin", "+14155550143", ["Europe/Berlin"]),  # explicit zone
        (None, "+12125550143", ["America/New_York"]),
        (None, "+14155550143", ["America/Los_Angeles", "America/New_York"]),  # a number moves along: either
        (None, "+4915112345678", ["America/New_York", "Europe/Berlin"]),
        (None, "+18005550143", ["America/New_York"]),  # free-phone: half of the world
        (None, "555 0143", ["America/New_York"]),  # not a valid number
    ],
)
def test_lead_without_zone_may_be_in_the_clinics_or_the_phone_numbers_zone(
    timezone: str | None, phone: str | None, places: list[str]
):
    assert [zone.key for zone in time_zones_of(timezone, phone, NEW_YORK)] == places


@pytest.mark.parametrize(
    ("phone", "state", "day", "is_off"),
    [
        ("+4915112345678", None, date(2026, 10, 3), True),  # the day of German unity
        ("+4915112345678", None, date(2026, 7, 4), False),
        ("+4915112345678", "BY", date(2026, 1, 6), True),  # Epiphany, in Bavaria
        ("+4915112345678", "BE", date(2026, 1, 6), False),
        ("+4915112345678", "Bavaria, I think", date(2026, 10, 3), True),
        ("+14155550143", "ny", date(2026, 2, 12), True),  # Lincoln's birthday, in New York
        ("+14155550143", None, date(2026, 2, 12), False),
        (None, "BY", date(2026, 10, 3), False),
        ("555 0143", None, date(2026, 7, 4), False),
    ],
)
def test_public_holidays_follow_the_phone_numbers_country_and_state(
    phone: str | None, state: str | None, day: date, is_off: bool
):
    assert (day in public_holidays_of(phone, state)) is is_off

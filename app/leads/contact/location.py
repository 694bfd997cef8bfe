"""Possible time zones and public holidays of a lead, from its phone number and address."""

from collections.abc import Container
from datetime import date
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber
from phonenumbers.timezone import time_zones_for_number

from app.clock import zones
from app.core.calendar.calendar import HolidayCalendar, UnknownHolidays

MOST_ZONES: Final = 10  # a number with more zones, such as a toll-free one, tells nothing


def time_zones_of(timezone: str | None, phone: str | None, at_home: ZoneInfo) -> tuple[ZoneInfo, ...]:
    """Return the lead's possible time zones: the known one, else the clinic's and those of the phone number."""
    if timezone:
        return (ZoneInfo(timezone),)
    number = _parse(phone)
    named = time_zones_for_number(number) if number else ()
    known = [name for name in named if name in zones()]
    likely = known if len(known) <= MOST_ZONES else []
    return tuple(map(ZoneInfo, sorted({at_home.key, *likely})))


def public_holidays_of(phone: str | None, state: str | None) -> Container[date]:
    """Return the public holidays of the phone number's country, including those of `state` if it is in there."""
    number = _parse(phone)
    country = phonenumbers.region_code_for_number(number) if number else None
    return _holidays(country, (state or "").strip().upper()) if country else frozenset()


def _parse(phone: str | None) -> PhoneNumber | None:
    """Parse a stored number, which has a country code if it was valid."""
    try:
        return phonenumbers.parse(phone) if phone else None
    except NumberParseException:
        return None


@lru_cache(maxsize=1024)
def _holidays(country: str, state: str) -> Container[date]:
    for subdivision in (state or None, None):
        try:
            return HolidayCalendar(country, subdivision)
        except UnknownHolidays:
            continue
    return frozenset()

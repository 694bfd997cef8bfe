"""Where a lead may be, and which days are days off there."""

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

MOST_ZONES: Final = 10  # of a number; one that may be from more places, a free-phone one say, tells nothing


def places_of(timezone: str | None, phone: str | None, at_home: ZoneInfo) -> tuple[ZoneInfo, ...]:
    """The zones that the lead may be in: the one that is known, else the clinic's and those that its number is from."""
    if timezone:
        return (ZoneInfo(timezone),)
    number = _read(phone)
    named = time_zones_for_number(number) if number else ()
    known = [name for name in named if name in zones()]
    likely = known if len(known) <= MOST_ZONES else []
    return tuple(map(ZoneInfo, sorted({at_home.key, *likely})))


def days_off_of(phone: str | None, state: str | None) -> Container[date]:
    """The public holidays of the country of the lead's number, and of its state where that is one of that country."""
    number = _read(phone)
    country = phonenumbers.region_code_for_number(number) if number else None
    return _holidays(country, (state or "").strip().upper()) if country else frozenset()


def _read(phone: str | None) -> PhoneNumber | None:
    """Numbers are kept with their country code, where they could be read at all."""
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

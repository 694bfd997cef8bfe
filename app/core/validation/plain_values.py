"""Checks of JSON text and dates, shared by the API schemas and custom fields."""

import re
from datetime import date
from typing import Final

from app.clock import EARLIEST, LATEST, is_in_range

LONGEST_EMAIL: Final = 254  # RFC 5321, 4.5.3.1.3, without the angle brackets
OUT_OF_RANGE: Final = f"Must lie between the years {EARLIEST} and {LATEST}."

# The bidirectional controls (Unicode TR 36) would show a name in another order than it is stored.
CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
CONTROL_BUT_LINES: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class NotADate(ValueError):
    """The value is not a date. The message says why."""


def read_date(value: object) -> date:
    """Parse a date such as `2026-01-31`. Raises NotADate."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise NotADate("Must be a date, such as 2026-01-31.")
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise NotADate("There is no such date.") from None
    if not is_in_range(day):
        raise NotADate(OUT_OF_RANGE)
    return day

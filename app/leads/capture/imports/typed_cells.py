"""Conversion of cells to dates, and to the values of custom fields. Pure."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from typing import Final

from app.leads.custom_fields.models import FieldType


class DateOrder(StrEnum):
    """Order of numbers in dates that are not ISO 8601: day first or month first."""

    DAY = "day"
    MONTH = "month"


class InvalidCell(ValueError):
    """A cell with text that is not valid for its column."""


def read_custom(text: str, kind: str | None, date_order: DateOrder) -> object:
    """Return the value of a custom field of this type. Unknown fields keep their text. Raises InvalidCell."""
    if kind == FieldType.DATE:
        return _day(text, date_order).isoformat()
    return _READ.get(kind, str)(text) if kind else text


def past_day(text: str, date_order: DateOrder, today: date) -> date:
    """Return a day of the past: a year of two digits is the latest one whose day is not after `today`.

    Raises InvalidCell.
    """
    year, month, day = _numbers(text, date_order)
    if year > 99:  # noqa: PLR2004  (more than two digits)
        return _existing(year, month, day)
    found = _existing(2000 + year, month, day)
    return found if found <= today else _existing(1900 + year, month, day)


def _day(text: str, date_order: DateOrder) -> date:
    year, month, day = _numbers(text, date_order)
    if year < 1000:  # noqa: PLR2004  (fewer than four digits)
        raise InvalidCell("Give the year with four digits.")
    return _existing(year, month, day)


def _numbers(text: str, date_order: DateOrder) -> tuple[int, int, int]:
    """Return year, month and day as written."""
    numbers = re.fullmatch(r"(\d{1,4})[./\- ](\d{1,2})[./\- ](\d{1,4})(?:[T ].*)?", text)
    if numbers is None:
        raise InvalidCell("Not a date such as 2012-03-31.")
    first, second, third = map(int, numbers.groups())
    if len(numbers[1]) > 2:  # noqa: PLR2004  (a year)
        return first, second, third
    return (third, second, first) if date_order is DateOrder.DAY else (third, first, second)


def _existing(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise InvalidCell("This date does not exist.") from None


def _number(text: str) -> float:
    digits = re.sub(r"\s", "", text)
    if re.fullmatch(r"-?[1-9]\d{0,2}(,\d{3})+(\.\d+)?", digits):  # 1,250.5
        digits = digits.replace(",", "")
    digits = digits.replace(",", ".")
    if not re.fullmatch(r"-?\d{1,18}(\.\d{1,18})?", digits):
        raise InvalidCell("Not a number such as 12.5.")
    return float(digits) if "." in digits else int(digits)


def _boolean(text: str) -> bool:
    if text.lower() not in _ANSWERS:
        raise InvalidCell("Neither yes nor no.")
    return _ANSWERS[text.lower()]


_ANSWERS: Final = {**dict.fromkeys(("yes", "true", "y", "1"), True), **dict.fromkeys(("no", "false", "n", "0"), False)}
_READ: Final[Mapping[str, Callable[[str], object]]] = {FieldType.NUMBER: _number, FieldType.BOOLEAN: _boolean}

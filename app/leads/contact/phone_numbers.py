"""How a lead can be reached: phone numbers, as people write them, become E.164."""

from collections.abc import Mapping
from typing import Any

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat

from app.errors import FieldError, Invalid

PHONES = ("phone", "phone_alt")


def normalise_phones(data: Mapping[str, Any], region: str) -> dict[str, str]:
    """The phones that are given, in E.164. Raises Invalid with a pointer to each that cannot be read.

    A number without a country code is taken for one of `region` (ISO 3166).
    """
    read: dict[str, str] = {}
    mistakes: list[FieldError] = []
    for name in PHONES:
        if text := data.get(name):
            try:
                read[name] = normalise(text, region)
            except ValueError as mistake:
                mistakes.append(FieldError(f"/{name}", str(mistake)))
    if mistakes:
        raise Invalid(*mistakes)
    return read


def require_reachable(phone: str | None, email: str | None, handle: str | None = None) -> None:
    """Raises Invalid where a lead would have neither, nor a handle on a social network."""
    if not (phone or email or handle):
        missing = "Give a phone number or an e-mail address."
        raise Invalid(FieldError("/phone", missing), FieldError("/email", missing))


def normalise(text: str, region: str) -> str:
    """`(202) 555-0143` as `+12025550143`. Raises ValueError."""
    number = _parse(text, region)
    if number.extension:
        raise ValueError("Leave out the extension; the notes have room for it.")
    if not phonenumbers.is_possible_number(number):
        raise ValueError("Not a phone number.")
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _parse(text: str, region: str) -> PhoneNumber:
    try:
        return phonenumbers.parse(text, region)
    except NumberParseException:
        raise ValueError("Not a phone number.") from None

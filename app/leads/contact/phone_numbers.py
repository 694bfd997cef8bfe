"""Phone numbers: normalisation to E.164, and the check that a lead has contact data."""

from functools import partial

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat

from app.core.type_aliases import JsonObject
from app.core.validation.check_all import check_all
from app.errors import FieldError, Invalid
from app.identity.actor import Actor
from app.leads.contact.plain_numbers import plain_number

PHONE_FIELDS = ("phone", "phone_alt")


def normalise_phones(data: JsonObject, region: str) -> dict[str, str]:
    """Return the phone fields of `data` in E.164. Raises Invalid, with a pointer to each malformed number.

    A number without a country code is read as a number of `region` (ISO 3166).
    """
    read: dict[str, str] = {}
    mistakes: list[FieldError] = []
    for name in PHONE_FIELDS:
        if text := data.get(name):
            try:
                read[name] = normalise_phone(text, region)
            except ValueError as mistake:
                mistakes.append(FieldError(f"/{name}", str(mistake)))
    if mistakes:
        raise Invalid(*mistakes)
    return read


def require_phones(data: JsonObject, region: str) -> None:
    """Check each phone field of a body, of which other fields may be invalid. Raises Invalid."""
    check_all(*(partial(_require_phone, data, name, region) for name in PHONE_FIELDS))


def check_phones(_: object, actor: Actor, data: JsonObject, /, **__: object) -> None:
    """Check the phone fields of a body, as `require_phones` does. Raises Invalid."""
    require_phones(data, actor.clinic.region)


def _require_phone(data: JsonObject, name: str, region: str) -> None:
    normalise_phones({name: data.get(name)}, region)


def require_reachable(phone: str | None, email: str | None, handle: str | None = None) -> None:
    """Check that a lead has a phone number, an e-mail address or a social media handle. Raises Invalid."""
    if not (phone or email or handle):
        missing = "Give a phone number or an e-mail address."
        raise Invalid(FieldError("/phone", missing), FieldError("/email", missing))


def normalise_phone(text: str, region: str) -> str:
    """Normalise a number: `(202) 555-0143` becomes `+12025550143`. Raises ValueError."""
    return plain_number(text, region) or _normalise_by_library(text, region)


def _normalise_by_library(text: str, region: str) -> str:
    number = _parse(text, region)
    if number.extension:
        raise ValueError("Leave out the extension; put it in the notes.")
    if not phonenumbers.is_possible_number(number):
        raise ValueError("Not a phone number.")
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _parse(text: str, region: str) -> PhoneNumber:
    try:
        return phonenumbers.parse(text, region)
    except NumberParseException:
        raise ValueError("Not a phone number.") from None

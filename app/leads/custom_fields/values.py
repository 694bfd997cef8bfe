"""Validation of custom field values. The definitions are cached per version of the clinic's configuration."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation.json_pointer import pointer
from app.core.validation.plain_values import CONTROL, NotADate, read_date
from app.core.validation.validation_errors import listed
from app.engine.version_cache import cache_per_version
from app.errors import FieldError, Invalid
from app.identity.clinic_context import ClinicContext
from app.leads.custom_fields.models import CustomField, FieldType

LONGEST_TEXT: Final = 1000
LARGEST: Final = 10**15  # larger numbers lose precision

Custom = JsonObject


class Definition(NamedTuple):
    """Definition of a custom field, as far as validation needs it."""

    type: str
    options: tuple[str, ...]
    required: bool
    archived: bool


Definitions = Mapping[str, Definition]


@cache_per_version
def definitions_of(session: Session, clinic: ClinicContext) -> Definitions:
    """Return the definitions of the clinic's custom fields, by key."""
    found = select(CustomField.__table__).where(CustomField.clinic_id == clinic.id)
    return {
        row.key: Definition(row.type, tuple(row.options), row.required, row.archived) for row in session.execute(found)
    }


def require_valid_custom_values(
    session: Session, clinic: ClinicContext, custom: Custom, *, complete: bool = True
) -> None:
    """Check values against the clinic's definitions, as `validate_custom_values` does. Raises Invalid."""
    validate_custom_values(definitions_of(session, clinic), custom, complete=complete)


def validate_custom_values(definitions: Definitions, custom: Custom, *, complete: bool = True) -> None:
    """Check values against definitions; if `complete`, also required ones. Raises Invalid, with JSON pointers."""
    mistakes = [
        FieldError(pointer("custom", key), words)
        for key, value in custom.items()
        if (words := _error(definitions.get(key), value))
    ]
    if complete:
        mistakes += [
            FieldError(pointer("custom", key), "This field is required by your clinic.")
            for key, one in definitions.items()
            if one.required and not one.archived and key not in custom
        ]
    if mistakes:
        raise Invalid(*mistakes)


def merge_custom_values(old: Custom, new: Custom) -> JsonDict:
    """Merge new values into old ones; None removes a value."""
    return {key: value for key, value in {**old, **new}.items() if value is not None}


def _error(definition: Definition | None, value: object) -> str | None:
    if definition is None:
        return "Your clinic has no field with this key."
    if value is None:
        return "This field is required by your clinic." if definition.required and not definition.archived else None
    if definition.archived:
        return "The field is archived."
    return _CHECKS[FieldType(definition.type)](value, definition)


def _text(value: object, _: Definition) -> str | None:
    if not isinstance(value, str):
        return "Not a valid string."
    if CONTROL.search(value):
        return "Control characters are not allowed."
    return f"Longer than maximum length {LONGEST_TEXT}." if len(value.strip()) > LONGEST_TEXT else None


def _number(value: object, _: Definition) -> str | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST
    return None if is_number else "Must be a number."


def _boolean(value: object, _: Definition) -> str | None:
    return None if isinstance(value, bool) else "Must be true or false."


def _date(value: object, _: Definition) -> str | None:
    try:
        read_date(value)
    except NotADate as mistake:
        return str(mistake)
    return None


def _choice(value: object, definition: Definition) -> str | None:
    return None if value in definition.options else f"Must be one of: {listed(definition.options)}."


_CHECKS: Final[Mapping[FieldType, Callable[[object, Definition], str | None]]] = {
    FieldType.TEXT: _text,
    FieldType.NUMBER: _number,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: _date,
    FieldType.CHOICE: _choice,
}

"""The values of a clinic's own fields, held against their definitions, which are read once for each version."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.validation.plain_values import CONTROL, NotADate, read_date
from app.engine.version_cache import once_for_each_version
from app.errors import FieldError, Invalid
from app.identity.clinic_context import ClinicContext
from app.leads.custom_fields.models import CustomField, FieldType

LONGEST_TEXT: Final = 1000
LARGEST: Final = 10**15  # beyond, a number is no longer what was written

Custom = Mapping[str, Any]


class Definition(NamedTuple):
    """What decides whether a value is one."""

    type: str
    options: tuple[str, ...]
    required: bool
    archived: bool


Definitions = Mapping[str, Definition]


@once_for_each_version
def definitions_of(session: Session, clinic: ClinicContext) -> Definitions:
    """By key."""
    found = select(CustomField.__table__).where(CustomField.clinic_id == clinic.id)
    return {
        row.key: Definition(row.type, tuple(row.options), row.required, row.archived) for row in session.execute(found)
    }


def require_custom(session: Session, clinic: ClinicContext, custom: Custom, *, complete: bool = True) -> None:
    """As `refuse_custom`, by the clinic's definitions."""
    refuse_custom(definitions_of(session, clinic), custom, complete=complete)


def refuse_custom(definitions: Definitions, custom: Custom, *, complete: bool = True) -> None:
    """Raises Invalid with a pointer to each value that its definition refuses, and, if `complete`, that is missing."""
    mistakes = [
        FieldError(f"/custom/{key}", words)
        for key, value in custom.items()
        if (words := _mistake(definitions.get(key), value))
    ]
    if complete:
        mistakes += [
            FieldError(f"/custom/{key}", "Your clinic wants to know it.")
            for key, one in definitions.items()
            if one.required and not one.archived and key not in custom
        ]
    if mistakes:
        raise Invalid(*mistakes)


def merged(old: Custom, new: Custom) -> dict[str, Any]:
    """What is given replaces what was; null takes a value away."""
    return {key: value for key, value in {**old, **new}.items() if value is not None}


def _mistake(definition: Definition | None, value: Any) -> str | None:
    if definition is None:
        return "Your clinic has no such field."
    if value is None:
        return "Your clinic wants to know it." if definition.required and not definition.archived else None
    if definition.archived:
        return "The field is archived."
    return _CHECKS[FieldType(definition.type)](value, definition)


def _text(value: Any, _: Definition) -> str | None:
    if not isinstance(value, str):
        return "Not a valid string."
    if CONTROL.search(value):
        return "Control characters are not allowed."
    return f"Longer than maximum length {LONGEST_TEXT}." if len(value.strip()) > LONGEST_TEXT else None


def _number(value: Any, _: Definition) -> str | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST
    return None if is_number else "Must be a number."


def _boolean(value: Any, _: Definition) -> str | None:
    return None if isinstance(value, bool) else "Must be true or false."


def _date(value: Any, _: Definition) -> str | None:
    try:
        read_date(value)
    except NotADate as mistake:
        return str(mistake)
    return None


def _choice(value: Any, definition: Definition) -> str | None:
    return None if value in definition.options else f"Must be one of: {', '.join(definition.options)}."


_CHECKS: Final[Mapping[FieldType, Callable[[Any, Definition], str | None]]] = {
    FieldType.TEXT: _text,
    FieldType.NUMBER: _number,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: _date,
    FieldType.CHOICE: _choice,
}

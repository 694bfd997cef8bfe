"""Custom fields: list, create, update."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import new_id
from app.core.optimistic_locking import SeenVersions, require_version
from app.core.pagination import Page, page
from app.core.type_aliases import JsonObject
from app.errors import Conflict, Invalid, NotFound
from app.identity.actor import Actor
from app.identity.clinics import bump_rules_version
from app.leads.custom_fields.models import CustomField, FieldType, options_error
from app.leads.custom_fields.values import LONGEST_TEXT
from app.leads.fields import CUSTOM_PREFIX, Form, Kind, LeadField

MOST_FIELDS: Final = 100
_FORMS: Final[Mapping[FieldType, Form]] = {
    FieldType.TEXT: Form.TEXT,
    FieldType.NUMBER: Form.NUMBER,
    FieldType.BOOLEAN: Form.TRUTH,
    FieldType.DATE: Form.DAY,
    FieldType.CHOICE: Form.CHOICE,
}
_DESCRIPTIONS: Final[Mapping[FieldType, str]] = {
    FieldType.TEXT: "Any text.",
    FieldType.NUMBER: "A number.",
    FieldType.BOOLEAN: "Yes or no.",
    FieldType.DATE: "A date.",
    FieldType.CHOICE: "One of the options.",
}


class FieldKeyTaken(Conflict):
    """The clinic already has a field with this key."""


class TooManyFields(Conflict):
    """The clinic has reached the maximum number of custom fields."""


def list_fields(session: Session, clinic_id: UUID, query: JsonObject) -> Page:
    """List the clinic's fields by key; `query` holds the fields of CustomFieldQuery."""
    statement = select(CustomField).where(CustomField.clinic_id == clinic_id)
    if "archived" in query:
        statement = statement.where(CustomField.archived == query["archived"])
    return page(session, statement, [(CustomField.key, "asc")], query)


def declared_fields(session: Session, clinic_id: UUID) -> dict[str, LeadField]:
    """Return the declarations of the clinic's custom fields that are in use, by name and in the order of their labels.

    They are like those of `app.leads.fields`. A name is `custom.` and the key.
    """
    wanted = select(CustomField).where(CustomField.clinic_id == clinic_id, ~CustomField.archived)
    rows = session.scalars(wanted.order_by(CustomField.label, CustomField.id))
    return {field.name: field for field in map(_declared, rows)}


def _declared(row: CustomField) -> LeadField:
    type_, options = FieldType(row.type), tuple(row.options)
    return LeadField(
        f"{CUSTOM_PREFIX}{row.key}",
        Kind(_FORMS[type_], LONGEST_TEXT if type_ is FieldType.TEXT else 0, own_options=options),
        row.label,
        _DESCRIPTIONS[type_],
        examples=options,
        is_required=row.required,
    )


def read_field(session: Session, clinic_id: UUID, field_id: UUID) -> CustomField:
    """Return one field of the clinic. Raises NotFound."""
    field = session.scalars(
        select(CustomField).where(CustomField.id == field_id, CustomField.clinic_id == clinic_id)
    ).one_or_none()
    if field is None:
        raise NotFound
    return field


def create_field(session: Session, clinic_id: UUID, data: JsonObject) -> CustomField:
    """Create a field from the fields of CustomFieldIn. Raises FieldKeyTaken, TooManyFields."""
    bump_rules_version(session, clinic_id)  # also locks the clinic's row, which serializes the creation of fields
    of_clinic = CustomField.clinic_id == clinic_id
    if session.scalar(select(CustomField.id).where(of_clinic, CustomField.key == data["key"])):
        raise FieldKeyTaken
    if (session.scalar(select(func.count()).where(of_clinic)) or 0) >= MOST_FIELDS:
        raise TooManyFields
    at = now()
    field = CustomField(id=new_id(), clinic_id=clinic_id, created_at=at, updated_at=at, **data)
    session.add(field)
    session.flush()
    return field


def update_field(
    session: Session, clinic_id: UUID, field_id: UUID, data: JsonObject, *, seen: SeenVersions = None
) -> CustomField:
    """Replace all values of a field. Raises NotFound, ChangedMeanwhile, Invalid."""
    bump_rules_version(session, clinic_id)
    field = read_field(session, clinic_id, field_id)
    require_version(field, seen)
    _require_options(field, data)
    for name, value in data.items():
        setattr(field, name, value)
    field.updated_at = now()
    field.version += 1
    session.flush()
    return field


def check_field(session: Session, actor: Actor, data: JsonObject, /, *, field_id: UUID) -> None:
    """Check the options against the field's type. Raises Invalid, and NotFound without the field."""
    _require_options(read_field(session, actor.clinic.id, field_id), data)


def _require_options(field: CustomField, data: JsonObject) -> None:
    if mistake := options_error(field.type, data["options"]):
        raise Invalid.at("/options", mistake)

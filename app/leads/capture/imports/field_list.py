"""List of the fields that an import can fill, for the user who maps the columns of a file."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.type_aliases import JsonDict
from app.identity.actor import Actor
from app.leads.capture.imports.cells import CUSTOM
from app.leads.custom_fields.models import CustomField, FieldType
from app.leads.fields import IMPORTED, LeadField

_TYPE_WORDS: Final[Mapping[str, str]] = {
    FieldType.TEXT: "Any text.",
    FieldType.NUMBER: "A number.",
    FieldType.BOOLEAN: "Yes or no.",
    FieldType.DATE: "A date.",
    FieldType.CHOICE: "One of the options.",
}


def list_fields(session: Session, actor: Actor) -> list[JsonDict]:
    """Return all fields in the shape of ImportFieldOut: those of every clinic, then the custom fields in use."""
    own = select(CustomField).where(CustomField.clinic_id == actor.clinic.id, ~CustomField.archived)
    custom = session.scalars(own.order_by(CustomField.label, CustomField.id))
    return [_standard(field) for field in IMPORTED.values()] + [_custom(field) for field in custom]


def _standard(field: LeadField) -> JsonDict:
    described = {name: getattr(field, name) for name in ("name", "label", "description", "examples")}
    return {**described, "aliases": field.headings, "is_custom": False}


def _custom(field: CustomField) -> JsonDict:
    return {
        "name": f"{CUSTOM}{field.key}",
        "label": field.label,
        "description": _TYPE_WORDS[field.type],
        "examples": field.options,
        "aliases": (),
        "is_custom": True,
    }

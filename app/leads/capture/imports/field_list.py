"""List of the fields that an import can fill, for the user who maps the columns of a file."""

from sqlalchemy.orm import Session

from app.core.type_aliases import JsonDict
from app.identity.actor import Actor
from app.leads.custom_fields.service import declared_fields
from app.leads.fields import IMPORTED, LeadField


def list_fields(session: Session, actor: Actor) -> list[JsonDict]:
    """Return all fields in the shape of ImportFieldOut: those of every clinic, then the custom fields in use."""
    custom = declared_fields(session, actor.clinic.id)
    return [_described(field, is_custom=field.name in custom) for field in (*IMPORTED.values(), *custom.values())]


def _described(field: LeadField, *, is_custom: bool) -> JsonDict:
    described = {name: getattr(field, name) for name in ("name", "label", "description", "examples")}
    return {**described, "aliases": field.headings, "is_custom": is_custom}

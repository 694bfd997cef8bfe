"""Merge fields in the texts of tasks that users type. They are filled in when the task is saved."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy.orm import Session

from app.core.type_aliases import JsonDict, JsonObject
from app.errors import FieldError, Invalid
from app.identity.clinic_context import ClinicContext
from app.leads.custom_fields.values import definitions_of
from app.leads.models import Lead
from app.tasks.templates.create_from_template import values_of
from app.tasks.templates.rendering import DASH, TaskText, fill, template_errors

_BEGINS: Final = "{{"


def check_texts(session: Session, clinic: ClinicContext, data: JsonObject) -> None:
    """Check the merge fields in `title` and `description`. Raises Invalid with every mistake."""
    typed = _with_fields(data)
    if not typed:
        return
    mistakes = template_errors(_text(typed), custom_keys=frozenset(definitions_of(session, clinic)))
    if mistakes:
        raise Invalid(*(FieldError(f"/{name}", message) for name, message in mistakes.items()))


def fill_texts(session: Session, clinic: ClinicContext, lead: Lead, data: JsonObject) -> JsonDict:
    """Return the data with the values of the lead in `title` and `description`. Raises Invalid."""
    check_texts(session, clinic, data)
    typed = _with_fields(data)
    if not typed:
        return dict(data)
    filled = fill(_text(typed), values_of(session, clinic, lead))._asdict()
    return {**data, **{name: filled[name] for name in typed}}


def _with_fields(data: JsonObject) -> Mapping[str, str]:
    return {name: data[name] for name in TaskText._fields if name in data and _BEGINS in (data[name] or "")}


def _text(typed: Mapping[str, str]) -> TaskText:
    return TaskText(typed.get("title", DASH), typed.get("description"))

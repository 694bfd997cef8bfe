"""Create a task's fields from a template."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.calendar.durations import parse_duration
from app.core.type_aliases import JsonDict
from app.errors import Invalid
from app.identity.clinic_context import ClinicContext
from app.identity.users.lookup import active_users
from app.leads.facts.template_values import display_names
from app.leads.models import Lead
from app.messaging.rendering.variables import Values
from app.tasks.templates.models import TaskTemplate
from app.tasks.templates.rendering import TaskText, fill, values_for


def task_from(session: Session, clinic: ClinicContext, lead: Lead, template_id: UUID, *, at: datetime) -> JsonDict:
    """Return the fields of a task that is planned at `at` from the template. Raises Invalid."""
    template = _find(session, clinic, template_id)
    words = fill(TaskText(template.title, template.description), values_of(session, clinic, lead))
    return {
        "title": words.title,
        "description": words.description,
        "type": template.type,
        "priority": template.priority,
        "tags": list(template.tags),
        "due_at": due_at(template, clinic, at),
        "task_template_id": template.id,
    }


def load_task_templates(
    session: Session, clinic_ids: Collection[UUID], names: Collection[str]
) -> dict[tuple[UUID, str], TaskTemplate]:
    """Return the templates with these names by clinic id and name, for all these clinics, in one query."""
    found = select(TaskTemplate).where(TaskTemplate.clinic_id.in_(clinic_ids), TaskTemplate.name.in_(names))
    return {(one.clinic_id, one.name): one for one in session.scalars(found)}


def require_template(session: Session, clinic: ClinicContext, template_id: UUID | None) -> None:
    """Check that a template, if one is named, is the clinic's. Raises Invalid."""
    if template_id is not None:
        _find(session, clinic, template_id)


def _find(session: Session, clinic: ClinicContext, template_id: UUID) -> TaskTemplate:
    wanted = select(TaskTemplate).where(TaskTemplate.id == template_id, TaskTemplate.clinic_id == clinic.id)
    template = session.scalars(wanted).one_or_none()
    if template is None:
        raise Invalid.at("/template_id", "Must be a task template of your clinic.")
    return template


def values_of(session: Session, clinic: ClinicContext, lead: Any) -> Values:
    """Return the merge field values for a task of the lead. Without a coordinator, those values are missing."""
    coordinator = active_users(session, clinic.id).get(lead.assigned_to_id)
    return values_for(clinic, lead, display_names(session, clinic), coordinator)


def due_at(template: TaskTemplate, clinic: ClinicContext, at: datetime) -> datetime:
    """Return the due time of a task that is planned at `at`."""
    after = parse_duration(template.due_in)
    return clinic.calendar.due_after(at, after) if template.business_time else at + after

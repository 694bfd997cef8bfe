"""Task template preview, missing fields and usage statistics. Read only."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.calendar.date_range import DateRange
from app.core.type_aliases import JsonDict
from app.identity.actor import Actor
from app.identity.permissions import Permission, Scope
from app.leads.custom_fields.values import definitions_of
from app.leads.models import Lead
from app.leads.search.lookup import visible_to
from app.messaging.rendering.samples import sample_values
from app.messaging.templates.missing_field_report import report_for_texts
from app.messaging.templates.preview import lead_for_preview
from app.tasks.models import OPEN_TASKS, Task, TaskStatus
from app.tasks.templates.create_from_template import due_at, values_of
from app.tasks.templates.models import TaskTemplate
from app.tasks.templates.rendering import DASH, TaskText, fill


def preview(session: Session, actor: Actor, template: TaskTemplate, lead_id: UUID | None) -> JsonDict:
    """Return the task as planned now for the lead, or for a sample lead. Raises Forbidden, NotFound."""
    lead = lead_for_preview(session, actor, lead_id)
    if lead:
        values = values_of(session, actor.clinic, lead)
    else:
        values = sample_values(actor.clinic, definitions_of(session, actor.clinic))
    missing: dict[str, None] = {}

    def placeholder(field: str) -> str:
        missing[field] = None
        return DASH

    words = fill(TaskText(template.title, template.description), values, placeholder=placeholder)
    return {**words._asdict(), "due_at": due_at(template, actor.clinic, now()), "missing": list(missing)}


def missing_fields(session: Session, actor: Actor, template: TaskTemplate) -> JsonDict:
    """Return the template's merge fields, and how many open leads lack each. Missing values become a dash."""
    return report_for_texts(session, actor, {"title": [template.title], "description": [template.description]})


def statistics(session: Session, actor: Actor, template: TaskTemplate, period: DateRange) -> JsonDict:
    """Count the tasks created from the template in the period by status, for leads that the actor may see."""
    counts = {
        "made": func.count(),
        "open": func.count().filter(Task.status.in_(OPEN_TASKS)),
        "done": func.count().filter(Task.status == TaskStatus.COMPLETED),
        "cancelled": func.count().filter(Task.status == TaskStatus.CANCELLED),
    }
    made = select(*(count.label(name) for name, count in counts.items())).where(
        Task.task_template_id == template.id,
        Task.clinic_id == actor.clinic.id,
        Task.created_at >= period.since,
        Task.created_at < period.until,
    )
    reader = actor.within(Permission.LEAD_READ)
    if reader.scope is not Scope.ALL:
        made = made.where(Task.lead_id.in_(select(Lead.id).where(*visible_to(reader))))
    return {**session.execute(made).mappings().one(), **period._asdict()}

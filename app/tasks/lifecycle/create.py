"""Create a task for a lead, directly or from a template."""

from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import new_id
from app.core.type_aliases import JsonObject
from app.core.validation.check_all import check_all
from app.engine.events.events import EventName
from app.engine.service import record
from app.errors import Invalid, NotFound
from app.identity.actor import Actor
from app.identity.users.lookup import is_assignable, require_assignable, require_named_assignee, users_by_id
from app.leads.models import Lead
from app.leads.search.lookup import lock_open_lead, visible_to
from app.tasks.facts import task_event
from app.tasks.lifecycle.assignment_notices import notify_assignees
from app.tasks.models import Task, TaskStatus
from app.tasks.templates.create_from_template import require_template, task_from
from app.tasks.templates.typed_texts import check_texts, fill_texts

_OWN_LEAD: Final = "Must be a lead of your clinic."


def create_task(session: Session, actor: Actor, lead_id: UUID, data: JsonObject, *, notifies: bool = True) -> Task:
    """Create a task from `data`, as `TaskIn` reads it, and notify its assignee if `notifies`.

    Raises NotFound, LeadIsLocked, LeadIsClosed, Invalid.
    """
    lead = lock_open_lead(session, actor, lead_id)
    at = now()
    data = fill_texts(session, actor.clinic, lead, data)
    if template_id := data.get("template_id"):
        data = {**task_from(session, actor.clinic, lead, template_id, at=at), **data}
    given = {**data, "assigned_to_id": _assignee(session, actor, lead, data.get("assigned_to_id"))}
    task = Task(
        id=new_id(),
        clinic_id=lead.clinic_id,
        lead_id=lead.id,
        status=TaskStatus.PENDING,
        created_at=at,
        updated_at=at,
        created_by=actor.user_id,
        version=1,
        **{name: value for name, value in given.items() if name != "template_id"},
    )
    session.add(task)
    record(session, actor.clinic, task_event(EventName.TASK_CREATED, task, lead, at))
    if notifies:
        notify_assignees(session, actor, [task])
    return task


def create_for_named_lead(session: Session, actor: Actor, data: JsonObject, *, notifies: bool = True) -> Task:
    """Create a task for the lead in `data["lead_id"]`, as `create_task` does.

    Raises LeadIsLocked, LeadIsClosed, Invalid.
    """
    given = {name: value for name, value in data.items() if name != "lead_id"}
    try:
        return create_task(session, actor, data["lead_id"], given, notifies=notifies)
    except NotFound:
        raise Invalid.at("/lead_id", _OWN_LEAD) from None


def check_new_task(session: Session, actor: Actor, data: JsonObject, /, **_: object) -> None:
    """Check what the schema cannot: lead, template, assignee, merge fields. Raises Invalid with every error."""
    check_all(
        lambda: _require_lead(session, actor, data.get("lead_id")),
        lambda: require_template(session, actor.clinic, data.get("template_id")),
        lambda: require_named_assignee(session, actor, data),
        lambda: check_texts(session, actor.clinic, data),
    )


def _require_lead(session: Session, actor: Actor, lead_id: UUID | None) -> None:
    if lead_id is not None and not session.scalar(select(Lead.id).where(Lead.id == lead_id, *visible_to(actor))):
        raise Invalid.at("/lead_id", _OWN_LEAD)


def _assignee(session: Session, actor: Actor, lead: Lead, chosen: UUID | None) -> UUID:
    """Return the chosen user, else the lead's coordinator, else the caller. Only active users qualify."""
    known = users_by_id(session, lead.clinic_id, [chosen] if chosen else [lead.assigned_to_id, actor.user_id])
    if chosen:
        require_assignable(known, chosen)
        return chosen
    for user_id in (lead.assigned_to_id, actor.user_id):
        if user_id and is_assignable(known, user_id):
            return user_id
    raise Invalid.at("/assigned_to_id", "Required: the lead has no coordinator.")

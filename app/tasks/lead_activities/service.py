"""What can be done with lead activities: what tasks and the timeline allow."""

from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import Conflict, Invalid, NotFound
from app.identity.actor import Actor
from app.leads.assignment.people import who_is
from app.leads.models import Lead
from app.leads.timeline.service import log_activity
from app.tasks import service as tasks
from app.tasks.lead_activities.lookup import list_all, of_customer, of_lead, planned, read_entry, read_one, timeline
from app.tasks.lead_activities.shape import shown
from app.tasks.lead_activities.vocabulary_mapping import OF_TASK, TO_ATTEMPT, TO_ENTRY, TO_TASK, WHEN
from app.tasks.lookup import known_to
from app.tasks.models import Task, TaskPriority, TaskStatus, TaskType
from app.tasks.queue.dashboard import MOST_COUNTED, OPEN_GROUPS, counted, dashboard
from app.tasks.queue.queue import has_status

__all__ = [
    "complete",
    "create",
    "delete",
    "list_all",
    "of_customer",
    "of_lead",
    "planned",
    "read_one",
    "statistics",
    "timeline",
]


class HasHappened(Conflict):
    """It is an entry of the timeline: it has happened already."""


class HistoryStays(Conflict):
    """It is an entry of the timeline, and what happened stays there."""


def create(session: Session, actor: Actor, data: Mapping[str, Any]) -> dict[str, Any]:
    """Plan a task where `data` (as `LeadActivityIn` reads it) says when; else log what happened.

    Raises LeadIsLocked, LeadIsClosed, Invalid.
    """
    is_planned = any(name in data for name in WHEN)
    try:
        made = (_plan if is_planned else _log)(session, actor, data)
    except NotFound:
        raise Invalid.at("/opportunity_id", "Must be a lead of your clinic.") from None
    session.flush()
    return shown(session, actor, [made])[0]


def complete(session: Session, actor: Actor, activity_id: UUID, data: Mapping[str, Any]) -> dict[str, Any]:
    """The task is done. Raises NotFound, HasHappened, LeadIsLocked, LeadIsClosed, TaskIsClosed."""
    try:
        task = tasks.complete(session, actor, activity_id, data)
    except NotFound:
        read_entry(session, actor, activity_id)
        raise HasHappened from None
    return shown(session, actor, [task])[0]


def delete(session: Session, actor: Actor, activity_id: UUID) -> None:
    """The task was a mistake. Raises NotFound, HistoryStays, LeadIsLocked, LeadIsClosed, TaskIsClosed."""
    try:
        tasks.delete(session, actor, activity_id)
    except NotFound:
        read_entry(session, actor, activity_id)
        raise HistoryStays from None


def statistics(session: Session, actor: Actor, query: Mapping[str, Any]) -> dict[str, Any]:
    """The figures as `StatisticsOut` shows them. Raises Invalid."""
    mine, whose = select(Task.id).join(Lead, Lead.id == Task.lead_id).where(*known_to(actor)), {}
    if "assigned_to" in query:
        whose = {"assigned_to_id": who_is(query["assigned_to"], actor, pointer="/assigned_to")}
        mine = mine.where(Task.assigned_to_id == whose["assigned_to_id"])
    done = mine.with_only_columns(Task.type, Task.outcome).where(has_status([TaskStatus.COMPLETED]))
    latest = session.execute(done.order_by(Task.due_at.desc()).limit(MOST_COUNTED)).all()
    return {
        **dashboard(session, actor, whose),
        "pending": counted(session, [mine.where(has_status(OPEN_GROUPS[0]))]),
        "by_type": Counter(OF_TASK[TaskType(row.type)] for row in latest),
        "by_outcome": Counter(row.outcome for row in latest if row.outcome),
    }


def _plan(session: Session, actor: Actor, data: Mapping[str, Any]) -> Any:
    task = {
        "title": data["subject"],
        "description": data.get("description"),
        "type": TO_TASK[data["activity_type"]],
        "priority": data.get("priority", TaskPriority.NORMAL),
        "due_at": data.get("due_date") or data["scheduled_date"],
        **({"assigned_to_id": data["assigned_to"]} if "assigned_to" in data else {}),
    }
    try:
        return tasks.create_task(session, actor, data["opportunity_id"], task)
    except Invalid:
        raise Invalid.at("/assigned_to", "Must be an active user of your clinic.") from None


def _log(session: Session, actor: Actor, data: Mapping[str, Any]) -> Any:
    told = [data["subject"], *([data["description"]] if data.get("description") else [])]
    attempt = {"outcome": TO_ATTEMPT[data["outcome"]]} if "outcome" in data else {}
    entry = {"type": TO_ENTRY[data["activity_type"]], "notes": "\n".join(told), **attempt}
    return log_activity(session, actor, data["opportunity_id"], entry)

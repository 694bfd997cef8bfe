"""What can be done with a task. Every function takes the session first, and leaves the commit to its caller."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.activities.models import ActivityType
from app.activities.timeline import write_entry
from app.automation.events import EventName
from app.automation.models import Reason
from app.automation.service import record
from app.clock import now
from app.db import new_id
from app.errors import Invalid
from app.identity.actor import Actor
from app.leads.lookup import open_lead
from app.leads.models import Lead
from app.leads.people import is_available, people, require_available
from app.leads.progress import tend
from app.tasks.facts import task_event
from app.tasks.lookup import my_tasks, open_task, overdue_tasks, read_task, tasks_of_lead
from app.tasks.models import Task, TaskStatus
from app.versions import Seen, require_seen

__all__ = [
    "cancel",
    "complete",
    "create_task",
    "my_tasks",
    "overdue_tasks",
    "read_task",
    "snooze",
    "tasks_of_lead",
    "update_task",
]


def create_task(session: Session, actor: Actor, lead_id: UUID, data: Mapping[str, Any]) -> Task:
    """A new task from `data`, as `TaskIn` reads it. Raises NotFound, LeadIsLocked, LeadIsClosed, Invalid."""
    lead = open_lead(session, actor, lead_id)
    at = now()
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
        **given,
    )
    session.add(task)
    record(session, actor.clinic, task_event(EventName.TASK_CREATED, task, lead, at))
    return task


def update_task(session: Session, actor: Actor, task_id: UUID, data: Mapping[str, Any], *, seen: Seen = None) -> Task:
    """Replace the fields in `data` (as `TaskChanges` reads them); those not given stay as they are.

    Raises NotFound, LeadIsLocked, LeadIsClosed, TaskIsClosed, ChangedMeanwhile, Invalid.
    """
    task, lead = open_task(session, actor, task_id)
    require_seen(task, seen)
    if data.get("assigned_to_id", task.assigned_to_id) != task.assigned_to_id:
        _assignee(session, actor, lead, data["assigned_to_id"])
    _require_status_can_be_said(task, data)
    times = (task.due_at, task.reminder_minutes)
    for name, value in data.items():
        setattr(task, name, value)
    if (task.due_at, task.reminder_minutes) == times:
        _touch(task, at=now())
    else:
        _retime(session, actor, task, lead)
    return task


def complete(session: Session, actor: Actor, task_id: UUID, *, outcome: str | None = None) -> Task:
    """The task is done; of two who say so at once, one is told that it was done already.

    Raises NotFound, LeadIsLocked, LeadIsClosed, TaskIsClosed.
    """
    task, lead = open_task(session, actor, task_id)
    at = now()
    task.status = TaskStatus.COMPLETED
    task.completed_at, task.completed_by = at, actor.user_id
    task.outcome = outcome
    _touch(task, at=at)
    tend(lead, at)
    notes = f"{task.title}: {outcome}" if outcome else task.title
    write_entry(session, actor, lead, type=ActivityType.TASK_COMPLETED, at=at, task_id=task.id, notes=notes)
    record(session, actor.clinic, task_event(EventName.TASK_COMPLETED, task, lead, at))
    return task


def snooze(session: Session, actor: Actor, task_id: UUID, *, until: datetime) -> Task:
    """The task is due at `until` (in the future) instead, and its reminders with it.

    Raises NotFound, LeadIsLocked, LeadIsClosed, TaskIsClosed.
    """
    task, lead = open_task(session, actor, task_id)
    task.due_at = task.snoozed_until = until
    _retime(session, actor, task, lead)
    return task


def cancel(session: Session, actor: Actor, task_id: UUID, *, reason: str | None = None) -> Task:
    """The task need not be done. Raises NotFound, LeadIsLocked, LeadIsClosed, TaskIsClosed."""
    task, lead = open_task(session, actor, task_id)
    at = now()
    task.status = TaskStatus.CANCELLED
    task.cancelled_reason = reason or Reason.BY_HAND
    _touch(task, at=at)
    notes = f"Task cancelled: {task.title}"
    write_entry(session, actor, lead, type=ActivityType.NOTE, at=at, task_id=task.id, notes=notes)
    record(session, actor.clinic, task_event(EventName.TASK_CANCELLED, task, lead, at))
    return task


def _assignee(session: Session, actor: Actor, lead: Lead, chosen: UUID | None) -> UUID:
    """Whoever was chosen, else the lead's coordinator, else whoever asks; one of those who work here."""
    known = people(session, lead.clinic_id, [chosen] if chosen else [lead.assigned_to_id, actor.user_id])
    if chosen:
        require_available(known, chosen)
        return chosen
    for user_id in (lead.assigned_to_id, actor.user_id):
        if user_id and is_available(known, user_id):
            return user_id
    raise Invalid.at("/assigned_to_id", "Say who shall do it: the lead has no coordinator.")


def _retime(session: Session, actor: Actor, task: Task, lead: Lead) -> None:
    at = now()
    if task.status == TaskStatus.OVERDUE and task.due_at > at:
        task.status = TaskStatus.PENDING
    _touch(task, at=at)
    record(session, actor.clinic, task_event(EventName.TASK_RETIMED, task, lead, at))


def _require_status_can_be_said(task: Task, data: Mapping[str, Any]) -> None:
    if task.status == TaskStatus.OVERDUE and "status" in data and data.get("due_at", task.due_at) <= now():
        raise Invalid.at("/status", "The task is overdue: complete it, or move it.")


def _touch(task: Task, *, at: datetime) -> None:
    task.updated_at = at
    task.version += 1

"""Edit an open task: update, snooze, start and pin."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.clock import now
from app.core.optimistic_locking import SeenVersions, require_version
from app.core.type_aliases import JsonObject
from app.engine.events.events import EventName
from app.engine.service import record
from app.errors import Invalid
from app.identity.actor import Actor
from app.leads.models import Lead
from app.tasks.errors import TaskIsOverdue
from app.tasks.facts import task_event
from app.tasks.lifecycle.reassign import reassign_task
from app.tasks.lifecycle.task_state import set_retimed, touch
from app.tasks.lookup import open_task
from app.tasks.models import Task, TaskStatus


def update_task(session: Session, actor: Actor, task_id: UUID, data: JsonObject, *, seen: SeenVersions = None) -> Task:
    """Replace the fields in `data` (as `TaskChanges` reads them). Missing fields stay as they are.

    Raises NotFound, LeadIsLocked, LeadIsClosed, TaskIsClosed, ChangedMeanwhile, Invalid.
    """
    task, lead = open_task(session, actor, task_id)
    require_version(task, seen)
    _require_status_allowed(task, data)
    times = (task.due_at, task.reminder_minutes)
    for name in data.keys() - {"assigned_to_id"}:
        setattr(task, name, data[name])
    task.own_words = task.own_words or not data.keys().isdisjoint({"title", "description"})
    if data.get("assigned_to_id", task.assigned_to_id) != task.assigned_to_id:
        reassign_task(session, actor, task, lead, to=data["assigned_to_id"])
    if (task.due_at, task.reminder_minutes) == times:
        touch(task, at=now())
    else:
        _retime(session, actor, task, lead)
    return task


def snooze(session: Session, actor: Actor, task_id: UUID, *, until: datetime) -> Task:
    """Move the due time to `until` (in the future). Its reminders move with it.

    Raises NotFound, LeadIsLocked, LeadIsClosed, TaskIsClosed.
    """
    task, lead = open_task(session, actor, task_id)
    task.due_at = task.snoozed_until = until
    _retime(session, actor, task, lead)
    record(session, actor.clinic, task_event(EventName.TASK_SNOOZED, task, lead, task.updated_at))
    return task


def start(session: Session, actor: Actor, task_id: UUID) -> Task:
    """Mark the task as in progress. Repeating this changes nothing.

    Raises NotFound, LeadIsLocked, LeadIsClosed, TaskIsClosed, TaskIsOverdue.
    """
    task, _ = open_task(session, actor, task_id)
    if task.status == TaskStatus.OVERDUE:
        raise TaskIsOverdue
    if task.status != TaskStatus.IN_PROGRESS:
        task.status = TaskStatus.IN_PROGRESS
        touch(task, at=now())
    return task


def pin(session: Session, actor: Actor, task_id: UUID, *, pinned: bool) -> Task:
    """Pin the task for all users, or unpin it.

    Raises NotFound, LeadIsLocked, LeadIsClosed, TaskIsClosed.
    """
    task, _ = open_task(session, actor, task_id)
    if task.pinned != pinned:
        task.pinned = pinned
        touch(task, at=now())
    return task


def _retime(session: Session, actor: Actor, task: Task, lead: Lead) -> None:
    record(session, actor.clinic, set_retimed(task, lead, at=now()))


def _require_status_allowed(task: Task, data: JsonObject) -> None:
    if task.status == TaskStatus.OVERDUE and "status" in data and data.get("due_at", task.due_at) <= now():
        raise Invalid.at("/status", "The task is overdue: complete it or reschedule it.")

"""Reassign a task and notify the new assignee."""

from uuid import UUID

from sqlalchemy.orm import Session

from app.clock import now
from app.identity.actor import Actor
from app.identity.users.lookup import require_assignable, users_by_id
from app.leads.models import Lead
from app.leads.timeline.entries import write_entry
from app.leads.timeline.models import ActivityType
from app.tasks.lifecycle.assignment_notices import notify_assignees
from app.tasks.lifecycle.task_state import set_assignee
from app.tasks.lookup import open_task
from app.tasks.models import Task


def reassign(
    session: Session, actor: Actor, task_id: UUID, user_id: UUID, *, reason: str | None = None, notifies: bool = True
) -> Task:
    """Assign the task to another user, and notify them if `notifies`. Nothing changes if that user already has it.

    Raises NotFound, LeadIsLocked, LeadIsClosed, TaskIsClosed, Invalid.
    """
    task, lead = open_task(session, actor, task_id)
    if task.assigned_to_id != user_id:
        reassign_task(session, actor, task, lead, to=user_id, reason=reason, notifies=notifies)
    return task


def reassign_task(
    session: Session,
    actor: Actor,
    task: Task,
    lead: Lead,
    /,
    *,
    to: UUID,
    reason: str | None = None,
    notifies: bool = True,
) -> None:
    """Assign the task, write a timeline note and notify the new assignee. Raises Invalid."""
    known = users_by_id(session, task.clinic_id, (task.assigned_to_id, to))
    require_assignable(known, to)
    names = " → ".join(known[who].name for who in (task.assigned_to_id, to) if who in known)
    notes = f"Task reassigned: {task.title}: {names}"
    notes = f"{notes}: {reason}" if reason else notes
    set_assignee(task, to, at=now())
    write_entry(session, actor, lead, type=ActivityType.NOTE, at=now(), task_id=task.id, notes=notes)
    if notifies:
        notify_assignees(session, actor, [task], reason=reason)

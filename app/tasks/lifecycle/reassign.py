"""Reassign a task and notify the new assignee."""

from uuid import UUID

from sqlalchemy.orm import Session

from app.clock import now
from app.identity.actor import Actor
from app.identity.users.lookup import require_assignable, users_by_id
from app.leads.models import Lead
from app.leads.timeline.entries import write_entry
from app.leads.timeline.models import ActivityType
from app.messaging.channels import in_app
from app.messaging.compose import MessageMetadata
from app.messaging.rendering.render import Wording
from app.messaging.rendering.variables import local_time
from app.messaging.user_notices.send import send_notice
from app.messaging.user_preferences.kinds import NoticeKind
from app.tasks.lifecycle.task_state import set_assignee
from app.tasks.lookup import open_task
from app.tasks.models import Task

TASK_REASSIGNED = "task-handed-over"  # name of the message; clinics cannot change its text


def reassign(session: Session, actor: Actor, task_id: UUID, user_id: UUID, *, reason: str | None = None) -> Task:
    """Assign the task to another user. Nothing changes if that user already has it.

    Raises NotFound, LeadIsLocked, LeadIsClosed, TaskIsClosed, Invalid.
    """
    task, lead = open_task(session, actor, task_id)
    if task.assigned_to_id != user_id:
        reassign_task(session, actor, task, lead, to=user_id, reason=reason)
    return task


def reassign_task(
    session: Session, actor: Actor, task: Task, lead: Lead, /, *, to: UUID, reason: str | None = None
) -> None:
    """Assign the task, write a timeline note and notify the new assignee unless they are the caller. Raises Invalid."""
    known = users_by_id(session, task.clinic_id, (task.assigned_to_id, to))
    require_assignable(known, to)
    names = " → ".join(known[who].name for who in (task.assigned_to_id, to) if who in known)
    notes = f"Task reassigned: {task.title}: {names}"
    notes = f"{notes}: {reason}" if reason else notes
    set_assignee(task, to, at=now())
    write_entry(session, actor, lead, type=ActivityType.NOTE, at=now(), task_id=task.id, notes=notes)
    if to != actor.user_id:
        _notify(session, actor, task, reason)


def _notify(session: Session, actor: Actor, task: Task, reason: str | None) -> None:
    due = local_time(actor.clinic.calendar, task.due_at)
    body = f"{actor.name} assigned this task to you: {task.title}. It is due on {due}."
    wording = Wording(f"Assigned to you: {task.title}", f"{body}\n\n{reason}" if reason else body)
    metadata = MessageMetadata(
        task.clinic_id,
        template=TASK_REASSIGNED,
        notice=NoticeKind.ASSIGNMENT,
        lead_id=task.lead_id,
        task_id=task.id,
    )
    if task.assigned_to_id is not None:
        send_notice(
            session,
            actor.clinic,
            task.assigned_to_id,
            wording,
            metadata=metadata,
            channels=[in_app.CHANNEL.name],
            at=now(),
        )

"""Handing a task to somebody else, who is told of it."""

from uuid import UUID

from sqlalchemy.orm import Session

from app.clock import now
from app.identity.actor import Actor
from app.leads.assignment.people import people, require_available
from app.leads.models import Lead
from app.leads.timeline.entries import write_entry
from app.leads.timeline.models import ActivityType
from app.messaging.channels import in_app
from app.messaging.compose import About, Recipient, compose, insert_notifications
from app.messaging.rendering.render import Wording
from app.messaging.rendering.variables import local_time
from app.tasks.lifecycle.progress import touch
from app.tasks.lookup import open_task
from app.tasks.models import Task

HANDED_OVER = "task-handed-over"  # how the message is called; its words are no clinic's own


def reassign(session: Session, actor: Actor, task_id: UUID, user_id: UUID, *, reason: str | None = None) -> Task:
    """Somebody else is to do the task; who has it already keeps it.

    Raises NotFound, LeadIsLocked, LeadIsClosed, TaskIsClosed, Invalid.
    """
    task, lead = open_task(session, actor, task_id)
    if task.assigned_to_id != user_id:
        hand_over(session, actor, task, lead, to=user_id, reason=reason)
        touch(task, at=now())
    return task


def hand_over(
    session: Session, actor: Actor, task: Task, lead: Lead, /, *, to: UUID, reason: str | None = None
) -> None:
    """Put it down on the timeline, and tell the new one, unless they took it themselves. Raises Invalid."""
    known = people(session, task.clinic_id, (task.assigned_to_id, to))
    require_available(known, to)
    names = " → ".join(known[who].name for who in (task.assigned_to_id, to) if who in known)
    notes = f"Task handed over: {task.title}: {names}"
    notes = f"{notes}: {reason}" if reason else notes
    task.assigned_to_id = to
    write_entry(session, actor, lead, type=ActivityType.NOTE, at=now(), task_id=task.id, notes=notes)
    if to != actor.user_id:
        _tell(session, actor, task, reason)


def _tell(session: Session, actor: Actor, task: Task, reason: str | None) -> None:
    due = local_time(actor.clinic.calendar, task.due_at)
    body = f"{actor.name} handed you this task: {task.title}. It is due on {due}."
    wording = Wording(f"Handed to you: {task.title}", f"{body}\n\n{reason}" if reason else body)
    about = About(task.clinic_id, template=HANDED_OVER, lead_id=task.lead_id, task_id=task.id)
    to = Recipient(task.assigned_to_id, address=None)
    insert_notifications(session, compose(wording, to, about=about, channels=[in_app.CHANNEL.name], at=now()))

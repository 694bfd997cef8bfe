"""Urgent tasks for emergencies that leads write about."""

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.db import insert_many
from app.engine.service import record
from app.identity.actor import Actor
from app.identity.users.lookup import active_users
from app.leads.assignment.coordinators import coordinator_of
from app.leads.models import Lead
from app.leads.search.open_task import IS_OPEN_TASK
from app.leads.timeline.models import Activity, Direction
from app.messaging.channels import email, in_app
from app.messaging.compose import MessageMetadata
from app.messaging.inbound.sentiment.emergencies import emergency_words
from app.messaging.rendering.render import Wording
from app.messaging.user_notices.send import send_notice
from app.messaging.user_preferences.kinds import NoticeKind
from app.tasks.models import Task
from app.tasks.rows import task_created, urgent_row

TITLE: Final = "Emergency: call at once"
NOTICE: Final = "emergency"  # template of the notice
CHANNELS: Final = (in_app.CHANNEL.name, email.CHANNEL.name)
_LONGEST: Final = 5  # words of the message in the task


def plan_emergency_task(session: Session, actor: Actor, lead: Lead, entry: Activity) -> None:
    """Create an urgent task and a notice if a message that arrived by itself tells of an emergency.

    Automatic replies count, too, and so does a clinic without sentiment. A lead with such an open task gets no second
    one. What a user logs is known to a person already.
    """
    if actor.user_id is not None or entry.direction != Direction.INBOUND:
        return
    words = emergency_words(entry.notes)
    if not words or _has_task(session, lead):
        return
    at, coordinator = (
        entry.created_at,
        coordinator_of(lead.id, lead.assigned_to_id, active_users(session, actor.clinic.id)),
    )
    row = urgent_row(
        actor.clinic.id,
        lead.id,
        at=at,
        due_at=at,  # at once, also while the clinic is closed
        title=TITLE,
        description=f"The message says: {', '.join(words[:_LONGEST])}.",
        assigned_to_id=coordinator and coordinator.id,
    )
    insert_many(session, Task, [row])
    record(session, actor.clinic, task_created(row, lead))
    if coordinator is None:
        return
    name = f"{lead.first_name} {lead.last_name}".strip()
    wording = Wording(
        f"Emergency: {name}", f"{name} writes about an emergency. Call at once; the message is on the timeline."
    )
    metadata = MessageMetadata(actor.clinic.id, template=NOTICE, notice=NoticeKind.ESCALATION, lead_id=lead.id)
    send_notice(session, actor.clinic, coordinator.id, wording, metadata=metadata, channels=CHANNELS, at=at)


def _has_task(session: Session, lead: Lead) -> bool:
    wanted = select(Task.id).where(Task.lead_id == lead.id, Task.title == TITLE, IS_OPEN_TASK)
    return session.scalar(wanted.limit(1)) is not None

"""Notices to a clinic's admins about its automation, in the app and by e-mail."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.clock import now
from app.engine.service import add_steps
from app.identity.users.lookup import active_users
from app.leads.assignment.coordinators import users_in_group
from app.messaging.channels import email, in_app
from app.messaging.compose import MessageMetadata, Recipient, compose, delivery_steps, insert_notifications
from app.messaging.models import Notification
from app.messaging.rendering.render import Wording

REPEAT_AFTER: Final = timedelta(days=1)

_LOCK: Final = text("SELECT pg_try_advisory_xact_lock(hashtextextended(CAST(:notice AS text), 0))")


def notify_admins(session: Session, clinic_id: UUID, template: str, wording: Wording) -> None:
    """Notify the admins in the app and by e-mail."""
    admins = users_in_group("admins", None, active_users(session, clinic_id))
    metadata, at = MessageMetadata(clinic_id, template=template), now()
    channels = [in_app.CHANNEL.name, email.CHANNEL.name]
    rows = [
        row
        for admin in admins
        for row in compose(wording, Recipient(admin.id, admin.email), metadata=metadata, channels=channels, at=at)
    ]
    insert_notifications(session, rows)
    add_steps(session, delivery_steps(rows, due_at=at))


def notify_admins_once_a_day(session: Session, clinic_id: UUID, template: str, wording: Wording) -> None:
    """Notify the admins unless they got a notice of this template within a day, or get one now."""
    if not session.scalar(_LOCK, {"notice": f"{template}:{clinic_id}"}):
        return
    recent = select(func.count()).where(
        Notification.clinic_id == clinic_id,
        Notification.template == template,
        Notification.created_at > now() - REPEAT_AFTER,
    )
    if not session.scalar(recent):
        notify_admins(session, clinic_id, template, wording)

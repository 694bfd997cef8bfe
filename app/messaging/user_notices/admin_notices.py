"""Notices of the system to the admins of clinics, in the application and by e-mail."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.clock import now
from app.core.type_aliases import JsonDict
from app.engine.service import add_steps
from app.identity.users.lookup import active_users_by_clinic
from app.leads.assignment.coordinators import users_in_group
from app.messaging.channels import email, in_app
from app.messaging.compose import MessageMetadata, Recipient, compose, delivery_steps, insert_notifications
from app.messaging.models import Notification
from app.messaging.rendering.render import Wording
from app.messaging.user_preferences.kinds import NoticeKind
from app.messaging.user_preferences.load import load_notice_settings
from app.messaging.user_preferences.routes import DEFAULT_SETTINGS

CHANNELS: Final = (in_app.CHANNEL.name, email.CHANNEL.name)
REPEAT_AFTER: Final = timedelta(days=1)

_LOCK: Final = text("SELECT pg_try_advisory_xact_lock(hashtextextended(CAST(:notice AS text), 0))")


def notify_admins(
    session: Session,
    wordings: Mapping[UUID, Wording],
    *,
    template: str,
    channels: Collection[str] = CHANNELS,
    besides: Collection[UUID] = (),
    notice: NoticeKind = NoticeKind.SYSTEM,
    at: datetime,
) -> Sequence[JsonDict]:
    """Send each clinic's admins the wording for their clinic. Returns the rows of `notifications`.

    `besides`: users who get none.
    """
    people, settings = active_users_by_clinic(session, wordings), load_notice_settings(session, list(wordings))
    rows = [
        row
        for clinic_id, wording in wordings.items()
        for admin in users_in_group("admins", None, people[clinic_id])
        if admin.id not in besides
        for row in compose(
            wording,
            Recipient(admin.id, admin.email, settings.get(admin.id, DEFAULT_SETTINGS)),
            metadata=MessageMetadata(clinic_id, template=template, notice=notice),
            channels=channels,
            at=at,
        )
    ]
    insert_notifications(session, rows)
    add_steps(session, delivery_steps(rows, due_at=at))
    return rows


def notify_admins_once_a_day(
    session: Session, clinic_id: UUID, template: str, wording: Wording, *, channels: Collection[str] = CHANNELS
) -> None:
    """Notify the admins unless they got a notice of this template within a day, or get one now."""
    if not session.scalar(_LOCK, {"notice": f"{template}:{clinic_id}"}):
        return
    recent = select(func.count()).where(
        Notification.clinic_id == clinic_id,
        Notification.template == template,
        Notification.created_at > now() - REPEAT_AFTER,
    )
    if not session.scalar(recent):
        notify_admins(session, {clinic_id: wording}, template=template, channels=channels, at=now())

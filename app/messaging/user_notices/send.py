"""Send a notice to one user, as the user's preferences say."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.engine.service import add_steps
from app.identity.clinic_context import ClinicContext
from app.identity.models import User
from app.messaging.compose import MessageMetadata, Recipient, compose, delivery_steps, insert_notifications
from app.messaging.rendering.render import Wording
from app.messaging.user_preferences.load import notice_settings_of


def send_notice(
    session: Session,
    clinic: ClinicContext,
    user_id: UUID,
    wording: Wording,
    *,
    metadata: MessageMetadata,
    channels: Collection[str],
    at: datetime,
) -> None:
    """Send a notice that was planned for these channels. `metadata.notice` is its kind."""
    rows = compose(wording, recipient(session, clinic, user_id, channels), metadata=metadata, channels=channels, at=at)
    insert_notifications(session, rows)
    add_steps(session, delivery_steps(rows, due_at=at))


def recipient(session: Session, clinic: ClinicContext, user_id: UUID, channels: Collection[str]) -> Recipient:
    """Return a user as the recipient of a notice. The e-mail address is read only if a message may need it."""
    settings = notice_settings_of(session, clinic).get(user_id)
    is_needed = settings is not None or "email" in channels
    address = session.scalar(select(User.email).where(User.id == user_id, User.is_active)) if is_needed else None
    return Recipient(user_id, address, settings) if settings else Recipient(user_id, address)

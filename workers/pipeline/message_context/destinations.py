"""Destinations of users for the messages of a batch, decrypted."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.automation.handlers.support.context import DestinationView, NotificationView
from app.identity.models import User
from app.messaging.channels.base import Destination
from app.messaging.user_preferences.models import NoticeDestination
from app.security.encrypted_fields import decrypt_or_none


def load_destinations(session: Session, notifications: Sequence[NotificationView]) -> Mapping[UUID, DestinationView]:
    """Return the destinations of these messages by id; no query runs if none has one. Only of active users."""
    wanted = {note.destination_id for note in notifications if note.destination_id}
    if not wanted:
        return {}
    of_active = NoticeDestination.user_id.in_(select(User.id).where(User.is_active))
    rows = select(NoticeDestination.id, NoticeDestination.sealed, NoticeDestination.url_blind)
    found = session.execute(rows.where(NoticeDestination.id.in_(wanted), of_active))
    return {row.id: DestinationView(row.id, _place(row.id, row.sealed), row.url_blind) for row in found}


def _place(destination_id: UUID, sealed: bytes | None) -> Destination:
    known = decrypt_or_none(NoticeDestination, destination_id, sealed)
    return Destination(known["url"] or "", p256dh=known["p256dh"], auth=known["auth"])

"""Store tracked messages and their links when they are sent."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy.orm import Session

from app.core.db import insert_many
from app.core.type_aliases import ColumnValues
from app.messaging.models import TrackedMessage
from app.messaging.tracking.models import TrackedLink
from app.security.encrypted_fields import encrypt_row

# Another attempt to send a message has the same ids. The settings may have changed meanwhile.
_MERGE: Final = (
    "ON CONFLICT (id) DO UPDATE SET opens = tracked_messages.opens OR excluded.opens,"
    " clicks = tracked_messages.clicks OR excluded.clicks"
)


def store_tracked(session: Session, messages: Sequence[ColumnValues], links: Sequence[ColumnValues]) -> None:
    """Insert rows of `tracked_messages` and of `tracked_links`. The targets are stored encrypted."""
    insert_many(session, TrackedMessage, messages, tail=_MERGE)
    insert_many(session, TrackedLink, [encrypt_row(TrackedLink, link) for link in links], tail="ON CONFLICT DO NOTHING")

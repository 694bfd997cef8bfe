"""Fill the search keys of messages' subjects that have none: by the sweep, and again after a change of the key."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.db import AnyRow, Base, update_many
from app.messaging.inbound import models as inbound
from app.messaging.models import IS_NOT_INDEXED, Notification
from app.security.encrypted_fields import decrypt_or_none
from app.security.search_keys import TextKind, word_keys

NAME: Final = "index_subjects"  # of the sweep
BATCH: Final = 1000

_NOT_INDEXED: Final = " ORDER BY id DESC LIMIT :most FOR NO KEY UPDATE SKIP LOCKED"
_SENT: Final = text(
    f"SELECT id, clinic_id, subject FROM notifications WHERE {IS_NOT_INDEXED} {_NOT_INDEXED}"  # noqa: S608  (constants)
)
_ARRIVED: Final = text(
    f"SELECT id, clinic_id, sealed FROM inbound_emails WHERE {inbound.IS_NOT_INDEXED} {_NOT_INDEXED}"  # noqa: S608  (constants)
)
_NEXT: Final = text(
    "SELECT id, clinic_id, subject FROM notifications WHERE id > :after AND subject_blind <> '{}'"
    " ORDER BY id LIMIT :most FOR NO KEY UPDATE"
)


def index_waiting(session: Session) -> int:
    """Index the next subjects without keys, newest first; return how many."""
    sent = session.execute(_SENT, {"most": BATCH}).all()
    _write(session, Notification, sent, [row.subject for row in sent])
    arrived = session.execute(_ARRIVED, {"most": BATCH}).all()
    subjects = [decrypt_or_none(inbound.InboundEmail, row.id, row.sealed)["subject"] or "" for row in arrived]
    _write(session, inbound.InboundEmail, arrived, subjects)
    return len(sent) + len(arrived)


def reindex_sent(session: Session, after: UUID) -> tuple[int, UUID | None]:
    """Compute the keys of the next sent messages after this id again; return how many, and the last id (None: end).

    Mails that arrived need no call: their subjects are encrypted, and their keys are computed with each encryption.
    """
    rows = session.execute(_NEXT, {"after": after, "most": BATCH}).all()
    _write(session, Notification, rows, [row.subject for row in rows])
    return len(rows), rows[-1].id if rows else None


def _write(session: Session, model: type[Base], rows: Sequence[AnyRow], subjects: Sequence[str | None]) -> None:
    keys = [
        {"id": row.id, "subject_blind": word_keys(row.clinic_id, TextKind.SUBJECTS, subject)}
        for row, subject in zip(rows, subjects, strict=True)
    ]
    update_many(session, model, keys, ("subject_blind",))

"""Receive a mail: store it once, find its lead, and apply its effects. The caller opens a transaction per mail."""

import hashlib
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from email.parser import BytesHeaderParser
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import insert_many, new_id
from app.messaging.inbound.models import Classification, InboundEmail, InboundRawEmail
from app.security.encrypted_fields import encrypt_row

LONGEST_MESSAGE_ID: Final = 500  # characters; a longer one is replaced by a hash


@dataclass(frozen=True, slots=True)
class Received:
    """The result for one mail."""

    id: UUID  # of the row in `inbound_emails`
    classification: Classification
    lead_id: UUID | None
    is_repeat: bool  # the mail was received before, and nothing has changed


def receive_email(session: Session, clinic_id: UUID, raw: bytes, *, received_at: datetime, via: str) -> Received:
    """Store a mail of the clinic and apply its effects. `via` is `imap` or the name of a provider.

    A mail that was received before changes nothing. A mail that cannot be parsed is stored as `unreadable`.
    """
    email_id = new_id()
    row = {
        "id": email_id,
        "clinic_id": clinic_id,
        "message_id": _message_id(raw),
        "via": via,
        "classification": Classification.UNMATCHED,
        "received_at": min(received_at, now()),
        "created_at": now(),
    }
    inserted = insert_many(
        session, InboundEmail, [encrypt_row(InboundEmail, row)], tail="ON CONFLICT DO NOTHING RETURNING id"
    )
    if not inserted:
        return _known(session, clinic_id, row["message_id"])
    content = {"id": email_id, "clinic_id": clinic_id, "received_at": row["received_at"]}
    content["content"] = b64encode(raw).decode()
    insert_many(session, InboundRawEmail, [encrypt_row(InboundRawEmail, content)])
    return Received(email_id, Classification.UNMATCHED, None, is_repeat=False)


def _known(session: Session, clinic_id: UUID, message_id: object) -> Received:
    known = select(InboundEmail.id, InboundEmail.classification, InboundEmail.lead_id)
    row = session.execute(known.where(InboundEmail.clinic_id == clinic_id, InboundEmail.message_id == message_id)).one()
    return Received(row.id, Classification(row.classification), row.lead_id, is_repeat=True)


def _message_id(raw: bytes) -> str:
    given = str(BytesHeaderParser().parsebytes(raw).get("Message-ID", "")).strip()
    is_usable = given.isascii() and given.isprintable() and 0 < len(given) <= LONGEST_MESSAGE_ID
    return given if is_usable else f"sha256:{hashlib.sha256(raw).hexdigest()}"

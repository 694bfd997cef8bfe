"""Store a mail without reading it, after every attempt to receive it has failed."""

import hashlib
from base64 import b64encode
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import insert_many, new_id
from app.messaging.inbound.models import Classification, InboundEmail, InboundRawEmail
from app.security.encrypted_fields import encrypt_row


def store_unreadable(session: Session, clinic_id: UUID, raw: bytes, *, received_at: datetime, via: str) -> None:
    """Store the raw text of a mail as `unreadable`, unless it is stored already. Nothing else changes."""
    row = {"id": new_id(), "clinic_id": clinic_id, "received_at": received_at}
    mail = {
        **row,
        "message_id": f"sha256:{hashlib.sha256(raw).hexdigest()}",
        "via": via,
        "classification": Classification.UNREADABLE,
        "created_at": now(),
    }
    tail = "ON CONFLICT DO NOTHING RETURNING id"
    if insert_many(session, InboundEmail, [encrypt_row(InboundEmail, mail)], tail=tail):
        content = {**row, "content": b64encode(raw).decode()}
        insert_many(session, InboundRawEmail, [encrypt_row(InboundRawEmail, content)])

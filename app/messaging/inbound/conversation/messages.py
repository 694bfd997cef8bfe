"""The conversation with a lead: messages to the lead, and mail and text messages from the lead, in one list."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import literal, select
from sqlalchemy.orm import Session

from app.core.db import AnySelect
from app.core.pagination import Key, Page, page_of_parts
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.actor import Actor
from app.leads.search.lookup import read_lead
from app.leads.timeline.models import Direction
from app.messaging.channels import email
from app.messaging.inbound.models import Classification, InboundEmail
from app.messaging.inbound.texts.models import InboundText
from app.messaging.models import Notification

_SENT: Final[list[Key]] = [(Notification.created_at, "desc"), (Notification.id, "desc")]
_ARRIVED: Final[list[Key]] = [(InboundEmail.received_at, "desc"), (InboundEmail.id, "desc")]
_TEXTS: Final[list[Key]] = [(InboundText.received_at, "desc"), (InboundText.id, "desc")]


def list_messages(session: Session, actor: Actor, lead_id: UUID, query: JsonObject) -> Page:
    """List the messages to the lead on every channel, and the mails and text messages from the lead, newest first.

    Raises NotFound, LeadWasMerged.
    """
    read_lead(session, actor, lead_id)
    parts = [
        _part(Notification.created_at, Notification.id, Direction.OUTBOUND).where(
            Notification.lead_id == lead_id, Notification.user_id.is_(None)
        ),
        _part(InboundEmail.received_at, InboundEmail.id, Direction.INBOUND).where(InboundEmail.lead_id == lead_id),
        _part(InboundText.received_at, InboundText.id, Direction.INBOUND).where(InboundText.lead_id == lead_id),
    ]
    found = page_of_parts(session, parts, _SENT, query, of_each=[_SENT, _ARRIVED, _TEXTS])
    return replace(found, items=in_full(session, [item.id for item in found.items]))


def _part(at: Any, row_id: Any, direction: Direction) -> AnySelect:
    return select(at.label("created_at"), row_id, literal(direction.value).label("direction"))


def get_message(session: Session, message_id: UUID) -> JsonDict:
    """Return one message to a lead, as the list shows it."""
    [row] = session.scalars(select(Notification).where(Notification.id == message_id))
    return _sent(row)


def in_full(session: Session, ids: Sequence[UUID]) -> list[JsonDict]:
    """Return messages to and from leads by their ids, in this order, as the list shows them."""
    sent = session.scalars(select(Notification).where(Notification.id.in_(ids)))
    arrived = session.scalars(select(InboundEmail).where(InboundEmail.id.in_(ids)))
    texts = session.scalars(select(InboundText).where(InboundText.id.in_(ids)))
    shown = {row.id: _sent(row) for row in sent} | {row.id: _arrived(row) for row in arrived}
    shown |= {row.id: _text(row) for row in texts}
    return [shown[one] for one in ids]


def _sent(row: Notification) -> JsonDict:
    return {
        "id": row.id,
        "direction": Direction.OUTBOUND,
        "channel": row.channel,
        "at": row.sent_at or row.created_at,
        "state": row.state,
        "reason": row.reason,
        "error": row.error,
        "subject": row.subject,
        "text": row.body,
        "template": row.template,
        "written_by": row.written_by,
        "delivered_at": row.delivered_at,
        "answers_id": None,
        "attachments": [],
        "media": [_file(row)] if row.media_url else [],
        "account": row.account_name,
        "authentication": None,
        "question": None,
        "decide_by": None,
    }


def _file(row: Notification) -> JsonDict:
    return {"type": row.message_type, "reference": row.media_url, "size": None, "name": None}


def _arrived(row: InboundEmail) -> JsonDict:
    return {
        "id": row.id,
        "direction": Direction.INBOUND,
        "channel": email.CHANNEL.name,
        "at": row.received_at,
        "state": row.classification,
        "reason": row.reason,
        "error": None,
        "subject": row.subject,
        "text": row.body,
        "template": None,
        "written_by": None,
        "delivered_at": None,
        "answers_id": row.notification_id,
        "attachments": row.attachments or [],
        "media": [],
        "account": None,
        "authentication": row.authentication,
        "question": row.question,
        "decide_by": row.decide_by,
    }


def _text(row: InboundText) -> JsonDict:
    return {
        "id": row.id,
        "direction": Direction.INBOUND,
        "channel": row.channel,
        "at": row.received_at,
        "state": Classification.REPLY,
        "reason": None,
        "error": None,
        "subject": None,
        "text": row.body,
        "template": None,
        "written_by": None,
        "delivered_at": None,
        "answers_id": row.notification_id,
        "attachments": [],
        "media": row.media or [],
        "account": None,
        "authentication": None,
        "question": row.question,
        "decide_by": row.decide_by,
    }

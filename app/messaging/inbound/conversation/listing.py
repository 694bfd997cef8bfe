"""The list of conversations: leads that wrote or called, the latest first, with their last message."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from app.core.db import AnySelect
from app.core.pagination import Key, Page, page
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.actor import Actor
from app.leads.models import Lead
from app.leads.search.listing import lead_conditions
from app.leads.timeline.models import Activity, ActivityType, Direction
from app.messaging.inbound.conversation.done import IS_DONE
from app.messaging.inbound.conversation.messages import in_full
from app.messaging.inbound.models import InboundEmail
from app.messaging.inbound.texts.models import InboundText
from app.messaging.models import Notification, NotificationState

LONGEST_EXCERPT: Final = 200  # characters
_LATEST_FIRST: Final[list[Key]] = [(Lead.replied_at, "desc"), (Lead.id, "desc")]
_CONTACTS: Final = (ActivityType.EMAIL, ActivityType.SMS, ActivityType.PHONE_CALL, ActivityType.IN_PERSON)
_COLUMNS: Final = (
    *(Lead.id, Lead.first_name, Lead.last_name, Lead.status, Lead.pipeline_stage, Lead.assigned_to_id),
    *(Lead.replied_at, Lead.opted_out_at),
)


def list_conversations(session: Session, actor: Actor, query: JsonObject) -> Page:
    """List the leads that wrote or called, the latest first; `query` as loaded by ConversationQuery. Raises Invalid."""
    answered = _is_answered()
    found = select(*_COLUMNS, answered.label("is_answered"), IS_DONE.label("is_done")).where(
        *lead_conditions(session, actor, query), Lead.replied_at.is_not(None)
    )
    if "is_answered" in query:
        found = found.where(answered if query["is_answered"] else ~answered)
    if "is_done" in query:
        found = found.where(IS_DONE if query["is_done"] else ~IS_DONE)
    listed = page(session, found, _LATEST_FIRST, query)
    return replace(listed, items=_with_messages(session, listed.items))


def _is_answered() -> ColumnElement[bool]:
    """Return the condition that a person has written to or called the lead since the lead last wrote or called."""
    return exists().where(
        Activity.lead_id == Lead.id,
        Activity.occurred_at > Lead.replied_at,
        Activity.type.in_(_CONTACTS),
        Activity.direction.is_distinct_from(Direction.INBOUND),
        Activity.step_id.is_(None),
    )


def _with_messages(session: Session, leads: Sequence[Any]) -> list[JsonDict]:
    last = _last_messages(session, [lead.id for lead in leads])
    return [{**lead._asdict(), "last_message": last.get(lead.id)} for lead in leads]


def _last_messages(session: Session, lead_ids: Sequence[UUID]) -> Mapping[UUID, JsonDict]:
    latest: dict[UUID, Any] = {}
    for part in _parts(lead_ids):
        for row in session.execute(part):
            if row.lead_id not in latest or row.at > latest[row.lead_id].at:
                latest[row.lead_id] = row
    shown = in_full(session, [row.id for row in latest.values()])
    return {lead_id: _excerpt(message) for lead_id, message in zip(latest, shown, strict=True)}


def _parts(lead_ids: Sequence[UUID]) -> list[AnySelect]:
    """Return one statement for each kind of message, with the last one of each lead."""
    not_sent = or_(Notification.user_id.is_not(None), Notification.state == NotificationState.SUPPRESSED)
    return [
        _newest(Notification, Notification.created_at, lead_ids).where(~not_sent),
        _newest(InboundEmail, InboundEmail.received_at, lead_ids),
        _newest(InboundText, InboundText.received_at, lead_ids),
    ]


def _newest(model: Any, at: Any, lead_ids: Sequence[UUID]) -> AnySelect:
    return (
        select(model.lead_id, model.id, at.label("at"))
        .where(model.lead_id.in_(lead_ids))
        .ext(distinct_on(model.lead_id))
        .order_by(model.lead_id, at.desc(), model.id.desc())
    )


def _excerpt(message: JsonDict) -> JsonDict:
    return {**message, "text": (message["text"] or "")[:LONGEST_EXCERPT]}

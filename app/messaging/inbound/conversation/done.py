"""Conversations that are done. The next message or call of the lead opens a conversation again by itself."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_
from sqlalchemy.orm import Session

from app.core.type_aliases import JsonDict, JsonObject
from app.errors import Conflict
from app.identity.actor import Actor
from app.leads.models import Lead
from app.leads.search.lookup import get_lead

# Done up to the last message or call of the lead: a later one is after that time.
IS_DONE: Final[ColumnElement[bool]] = and_(
    Lead.conversation_done_at.is_not(None), Lead.conversation_done_at >= Lead.replied_at
)


class NoConversation(Conflict):
    """The lead has never written or called."""


class WroteAgain(Conflict):
    """The lead has written or called again. Read that first."""


def mark_done(session: Session, actor: Actor, lead_id: UUID, data: JsonObject) -> JsonDict:
    """Mark the conversation as done, and return it in the shape of ConversationStateOut.

    `data["replied_at"]` is the last message or call that the user has seen. Raises NotFound, LeadWasMerged,
    NoConversation, WroteAgain.
    """
    lead = get_lead(session, actor, lead_id, lock=True)
    replied_at = _replied_at(lead)
    if data.get("replied_at", replied_at) < replied_at:
        raise WroteAgain
    lead.conversation_done_at = replied_at
    return _state(lead, is_done=True)


def open_again(session: Session, actor: Actor, lead_id: UUID) -> JsonDict:
    """Open the conversation again, and return it in the shape of ConversationStateOut.

    Raises NotFound, LeadWasMerged, NoConversation.
    """
    lead = get_lead(session, actor, lead_id, lock=True)
    _replied_at(lead)
    lead.conversation_done_at = None
    return _state(lead, is_done=False)


def _replied_at(lead: Lead) -> datetime:
    if lead.replied_at is None:
        raise NoConversation
    return lead.replied_at


def _state(lead: Lead, *, is_done: bool) -> JsonDict:
    return {"id": lead.id, "replied_at": lead.replied_at, "is_done": is_done}

"""Routes for conversations: the list, done and open again."""

from uuid import UUID

from app.api.messaging.inbound.conversation_schemas import (
    ConversationDoneIn,
    ConversationOut,
    ConversationQuery,
    ConversationStateOut,
)
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.schemas.paging import page_of
from app.identity.permissions import Permission
from app.messaging.inbound.conversation import done
from app.messaging.inbound.conversation.listing import list_conversations as find_conversations

blp = Blueprint("conversations", __name__, url_prefix="/api/conversations", description="Conversations with leads.")


@blp.get("")
@allow(Permission.LEAD_READ)
@blp.arguments(ConversationQuery)
@blp.response(200, page_of(ConversationOut))
def list_conversations(query: JsonDict) -> Page:
    """List conversations.

    The leads that wrote or called, the latest first, each with its last message. `is_answered=false` is the list that
    waits for an answer, and `is_done=false` leaves out what users have marked as done. A message or call by a person is
    an answer; messages of rules are none.
    """
    with reading() as session:
        return find_conversations(session, actor(), query)


@blp.post("/<uuid:lead_id>/done")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(ConversationDoneIn)
@blp.response(200, ConversationStateOut)
@blp.alt_response(409, "CONFLICT")
def mark_conversation_done(given: JsonDict, lead_id: UUID) -> JsonDict:
    """Mark a conversation as done.

    It needs no answer, or has one. The next message or call of the lead opens it again. With `replied_at` the response
    is 409 if the lead has written since.
    """
    with unit_of_work() as session:
        return done.mark_done(session, actor(), lead_id, given)


@blp.post("/<uuid:lead_id>/reopen")
@allow(Permission.LEAD_UPDATE)
@blp.response(200, ConversationStateOut)
@blp.alt_response(409, "CONFLICT")
def reopen_conversation(lead_id: UUID) -> JsonDict:
    """Open a conversation again.

    It is in the list of open conversations again, also if another user marked it as done.
    """
    with unit_of_work() as session:
        return done.open_again(session, actor(), lead_id)

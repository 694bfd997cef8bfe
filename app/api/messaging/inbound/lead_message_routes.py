"""Routes for the conversation with a lead."""

from typing import Any
from uuid import UUID

from app.api.messaging.inbound.lead_message_schemas import LeadMessageIn, LeadMessageOut
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.schemas.paging import PageQuery, page_of
from app.identity.permissions import Permission
from app.messaging.inbound.answers import check_message, write_message
from app.messaging.inbound.conversation.messages import get_message, list_messages

blp = Blueprint("lead-messages", __name__, url_prefix="/api/leads", description="Conversations with leads.")


@blp.get("/<uuid:lead_id>/messages")
@allow(Permission.LEAD_READ)
@blp.arguments(PageQuery)
@blp.response(200, page_of(LeadMessageOut))
@blp.alt_response(410, "GONE")
def list_lead_messages(query: JsonDict, lead_id: UUID) -> Page:
    """List the conversation with a lead.

    Messages to the lead on every channel, and mail and text messages from the lead, newest first.
    """
    with reading() as session:
        return list_messages(session, actor(), lead_id, query)


@blp.post("/<uuid:lead_id>/messages")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(LeadMessageIn, lookups=check_message)
@blp.response(201, LeadMessageOut)
@blp.alt_response(409, "CONFLICT")
@blp.alt_response(410, "GONE")
def write_lead_message(given: JsonDict, lead_id: UUID) -> Any:
    """Write a message to a lead.

    It is sent by the delivery workers, as messages of rules are. Quiet hours and caps do not hold, because a person
    decides; opt-outs and suppressed addresses do (409, with the `reason`). WhatsApp takes a text only within 24 hours
    of the lead's last message on it (`outside_session`). With `in_reply_to` a mail continues the thread.
    """
    with unit_of_work() as session:
        message_id = write_message(session, actor(), lead_id, given)
        return get_message(session, message_id)

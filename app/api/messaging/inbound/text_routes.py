"""Routes for text messages that arrived."""

from typing import Any
from uuid import UUID

from app.api.messaging.inbound.email_schemas import DecisionIn
from app.api.messaging.inbound.text_schemas import InboundTextOut, InboundTextQuery, TextAssignmentIn
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.schemas.paging import page_of
from app.identity.permissions import Permission
from app.messaging.inbound import mail_list, questions
from app.messaging.inbound.texts import text_list

blp = Blueprint("inbound-texts", __name__, url_prefix="/api/inbound-texts", description="Text messages that arrived.")


@blp.get("")
@allow(Permission.LEAD_READ)
@blp.arguments(InboundTextQuery)
@blp.response(200, page_of(InboundTextOut))
def list_inbound_texts(query: JsonDict) -> Page:
    """List text messages that arrived.

    By SMS and WhatsApp, newest first. `is_matched=false&is_ignored=false` is the list that waits for a user. Callers
    who see only some leads get the messages of these leads.
    """
    with reading() as session:
        return text_list.list_texts(session, actor(), query)


@blp.get("/<uuid:inbound_text_id>")
@allow(Permission.LEAD_READ)
@blp.response(200, InboundTextOut)
def get_inbound_text(inbound_text_id: UUID) -> Any:
    """Get a text message."""
    with reading() as session:
        return text_list.get_text(session, actor(), inbound_text_id)


@blp.post("/<uuid:inbound_text_id>/assign")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(TextAssignmentIn, lookups=mail_list.check_assignment)
@blp.response(200, InboundTextOut)
@blp.alt_response(409, "CONFLICT")
@blp.alt_response(410, "GONE")
def assign_inbound_text(given: JsonDict, inbound_text_id: UUID) -> Any:
    """Assign the text message of an unknown number to a lead.

    `lead_id` is an existing lead; `create_lead` creates one. The message becomes a reply of the lead, which stops
    everything pending. Returns 409 for a message that belongs to a lead already.
    """
    with unit_of_work() as session:
        return text_list.assign(session, actor(), inbound_text_id, given)


@blp.post("/<uuid:inbound_text_id>/decide")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(DecisionIn)
@blp.response(200, InboundTextOut)
@blp.alt_response(409, "CONFLICT")
def decide_inbound_text(given: JsonDict, inbound_text_id: UUID) -> Any:
    """Decide whether a text message of a lead asks for no more messages.

    Messages that waited go on, unless the decision stops them. Without a question, it corrects who wrote the message,
    `person` or `program`, as for mail. Returns 409 if there is nothing to decide.
    """
    with unit_of_work() as session:
        return questions.decide_text(session, actor(), inbound_text_id, given)


@blp.post("/<uuid:inbound_text_id>/ignore")
@allow(Permission.LEAD_UPDATE)
@blp.response(200, InboundTextOut)
@blp.alt_response(409, "CONFLICT")
def ignore_inbound_text(inbound_text_id: UUID) -> Any:
    """Take a text message off the list of unmatched ones.

    Repeating it changes nothing. Returns 409 for a message that belongs to a lead.
    """
    with unit_of_work() as session:
        return text_list.ignore(session, actor(), inbound_text_id)

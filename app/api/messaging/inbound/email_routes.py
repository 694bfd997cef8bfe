"""Routes for mail that arrives."""

from typing import Any
from urllib.parse import quote
from uuid import UUID

from flask import Response

from app.api.messaging.inbound.email_schemas import (
    DecisionIn,
    EmailAssignmentIn,
    InboundEmailDetailOut,
    InboundEmailOut,
    InboundEmailQuery,
)
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.schemas.paging import page_of
from app.identity.permissions import Permission
from app.messaging.inbound import mail_list, questions

blp = Blueprint("inbound-emails", __name__, url_prefix="/api/inbound-emails", description="Mail that arrived.")

_FILE = {"type": "string", "format": "binary"}


@blp.get("")
@allow(Permission.LEAD_READ)
@blp.arguments(InboundEmailQuery)
@blp.response(200, page_of(InboundEmailOut))
def list_inbound_emails(query: JsonDict) -> Page:
    """List mail that arrived.

    Newest first. `classification=unmatched&is_ignored=false` is the list of mail that waits for a user. Callers who see
    only some leads get the mail of these leads.
    """
    with reading() as session:
        return mail_list.list_emails(session, actor(), query)


@blp.get("/<uuid:inbound_email_id>")
@allow(Permission.LEAD_READ)
@blp.response(200, InboundEmailDetailOut)
def get_inbound_email(inbound_email_id: UUID) -> Any:
    """Get a mail with its full text and its attachments."""
    with reading() as session:
        return mail_list.get_email(session, actor(), inbound_email_id)


@blp.get("/<uuid:inbound_email_id>/attachments/<sha256>")
@allow(Permission.LEAD_READ)
@blp.alt_response(200, schema=_FILE, content_type="application/octet-stream", success=True)
@blp.alt_response(409, "CONFLICT")
@blp.alt_response(410, "GONE")
def download_attachment(inbound_email_id: UUID, sha256: str) -> Response:
    """Download an attachment.

    It is checked for no viruses. Returns 409 for programs, web pages and files over 10 MB, 410 after RAW_EMAIL_DAYS.
    """
    with reading() as session:
        file = mail_list.read_attachment(session, actor(), inbound_email_id, sha256)
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}",
        "Content-Security-Policy": "sandbox",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(file.content, headers=headers, content_type="application/octet-stream")


@blp.post("/<uuid:inbound_email_id>/assign")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(EmailAssignmentIn, lookups=mail_list.check_assignment)
@blp.response(200, InboundEmailDetailOut)
@blp.alt_response(409, "CONFLICT")
@blp.alt_response(410, "GONE")
def assign_inbound_email(given: JsonDict, inbound_email_id: UUID) -> Any:
    """Assign an unmatched mail to a lead.

    `lead_id` is an existing lead; `create_lead` creates one. The mail becomes a reply of the lead, which stops
    everything pending. Returns 409 for a mail that belongs to a lead already.
    """
    with unit_of_work() as session:
        return mail_list.assign(session, actor(), inbound_email_id, given)


@blp.post("/<uuid:inbound_email_id>/decide")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(DecisionIn)
@blp.response(200, InboundEmailDetailOut)
@blp.alt_response(409, "CONFLICT")
def decide_inbound_email(given: JsonDict, inbound_email_id: UUID) -> Any:
    """Decide about a mail of a lead.

    Whether a person wrote it, or whether the lead asks for no more messages. Messages that waited go on, unless the
    decision stops them. Without a question, it corrects who wrote the mail: `program` takes back a reply, and what it
    stopped goes on; `person` counts an automatic reply as a reply. Returns 409 if there is nothing to decide.
    """
    with unit_of_work() as session:
        return questions.decide_email(session, actor(), inbound_email_id, given)


@blp.post("/<uuid:inbound_email_id>/ignore")
@allow(Permission.LEAD_UPDATE)
@blp.response(200, InboundEmailDetailOut)
@blp.alt_response(409, "CONFLICT")
def ignore_inbound_email(inbound_email_id: UUID) -> Any:
    """Take a mail off the list of unmatched mail.

    Repeating it changes nothing. Returns 409 for a mail that belongs to a lead.
    """
    with unit_of_work() as session:
        return mail_list.ignore(session, actor(), inbound_email_id)

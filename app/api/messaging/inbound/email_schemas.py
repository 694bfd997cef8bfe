"""Request and response schemas for mail that arrives."""

from typing import Any, Final

from marshmallow import ValidationError, fields, pre_dump, validates_schema

from app.core.type_aliases import JsonDict
from app.http.schemas.fields import Boolean, Choice, Choices, Id, Instant, Integer, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Schema
from app.messaging.inbound.mail_list import is_blocked
from app.messaging.inbound.models import Classification, Match, Question
from app.messaging.inbound.questions import Answer

LONGEST_NAME: Final = 100


QUESTION: Final = {
    "description": "What a user decides or has decided: whether a person wrote it (`author`), or whether the lead asks"
    " for no more messages (`opt_out`)."
}
DECIDE_BY: Final = {"description": "Until then a user may decide; null: decided, or nothing to decide."}


class InboundEmailQuery(PageQuery):
    """Filters for mail that arrived."""

    classification = Choices(Classification, metadata={"description": "One or several, separated by commas."})
    lead_id = Id()
    via = Text(20, metadata={"description": "`imap` or a provider's name.", "examples": ["imap"]})
    since = Instant(metadata={"description": "Received at this time or later."})
    is_ignored = Boolean(metadata={"description": "`false`: without mail that a user has ignored."})
    is_open_question = Boolean(metadata={"description": "`true`: only mail about which a user is to decide."})


class AttachmentOut(Schema):
    """A reference to an attachment."""

    name = fields.String(required=True)
    type = fields.String(required=True, metadata={"description": "Content type, as the sender gave it."})
    size = Integer(required=True, metadata={"description": "In bytes."})
    sha256 = fields.String(required=True, metadata={"description": "Hash of the content; it is part of the URL."})
    is_blocked = Boolean(
        required=True, metadata={"description": "`true`: programs, web pages and files over 10 MB are not downloaded."}
    )

    @pre_dump
    def _add_blocked(self, given: JsonDict, **_: object) -> JsonDict:
        return {**given, "is_blocked": is_blocked(given)}


class AuthenticationOut(Schema):
    """SPF, DKIM and DMARC of a mail, as the mailbox's own server reports them."""

    server = fields.String(required=True, metadata={"description": "The server that the mailbox names."})
    dmarc = fields.String(required=True, metadata={"examples": ["pass"], "description": "`none`: not reported."})
    spf = fields.String(required=True, metadata={"examples": ["pass"]})
    dkim = fields.String(required=True, metadata={"examples": ["pass"]})


class InboundEmailOut(Schema):
    """A mail that arrived."""

    id = Id(required=True)
    classification = Choice(Classification, required=True)
    reason = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The header or status code that decided the classification."},
    )
    matched_by = Choice(Match, required=True, allow_none=True, metadata={"description": "How its lead was found."})
    lead_id = Id(required=True, allow_none=True)
    notification_id = Id(required=True, allow_none=True, metadata={"description": "The message that it answers."})
    activity_id = Id(required=True, allow_none=True, metadata={"description": "Its entry on the lead's timeline."})
    sender = fields.String(required=True, allow_none=True)
    sender_name = fields.String(required=True, allow_none=True)
    subject = fields.String(required=True, allow_none=True)
    body = fields.String(
        required=True, allow_none=True, metadata={"description": "New text, without quotes and signature."}
    )
    authentication = fields.Nested(
        AuthenticationOut,
        required=True,
        allow_none=True,
        metadata={"description": "Null: the mailbox has no `authentication_server`."},
    )
    via = fields.String(required=True)
    received_at = Instant(required=True)
    ignored_at = Instant(required=True, allow_none=True)
    question = Choice(Question, required=True, allow_none=True, metadata=QUESTION)
    decide_by = Instant(required=True, allow_none=True, metadata=DECIDE_BY)


class InboundEmailDetailOut(InboundEmailOut):
    """A mail with its attachments; with its full text while the raw mail is kept."""

    message_id = fields.String(required=True)
    recipients = fields.List(fields.String(), required=True, allow_none=True)
    attachments = fields.List(fields.Nested(AttachmentOut), required=True, allow_none=True)
    full_text = fields.String(
        allow_none=True, metadata={"description": "For GET: text with quotes; null after RAW_EMAIL_DAYS."}
    )


class DecisionIn(Schema):
    """The decision about a message of a lead."""

    answer = Choice(
        Answer,
        required=True,
        metadata={
            "description": "`person` or `program` wrote it; `opt_out`: the lead gets no more messages, or"
            " `keep_writing`.",
            "examples": ["person"],
        },
    )


class EmailLeadIn(Schema):
    """A new lead from a mail. Its e-mail address is the sender's."""

    first_name = Text(LONGEST_NAME, least=1, required=True)
    last_name = Text(LONGEST_NAME, load_default="")
    source_id = Id(required=True)


class EmailAssignmentIn(Schema):
    """The lead that a mail belongs to: an existing one, or a new one."""

    lead_id = Id()
    create_lead = fields.Nested(EmailLeadIn)

    @validates_schema
    def _require_one(self, data: JsonDict, **_: Any) -> None:
        if len(data.keys() & {"lead_id", "create_lead"}) != 1:
            raise ValidationError("Give either lead_id or create_lead.", "lead_id")

"""Request and response schemas for the conversation with a lead."""

from typing import Any, Final

from marshmallow import ValidationError, fields, validate, validates_schema

from app.api.messaging.inbound.email_schemas import DECIDE_BY, QUESTION, AttachmentOut, AuthenticationOut
from app.api.messaging.inbound.text_schemas import MediaOut
from app.api.messaging.template_schemas import SLUG, MessageMedia
from app.core.type_aliases import JsonDict
from app.http.schemas.fields import Choice, Id, Instant, Text
from app.http.schemas.schema import Schema
from app.leads.timeline.models import Direction
from app.messaging.channels import email
from app.messaging.inbound.answers import ANSWER_CHANNELS, LONGEST_SUBJECT
from app.messaging.inbound.models import Question
from app.messaging.templates.template_definitions import LONGEST_ACCOUNT

LONGEST_BODY: Final = 50_000


class LeadMessageIn(Schema):
    """A message that a user writes to a lead."""

    channel = fields.String(required=True, validate=validate.OneOf(ANSWER_CHANNELS), metadata={"examples": ["email"]})
    subject = Text(
        LONGEST_SUBJECT,
        least=1,
        metadata={"description": "Only for e-mail. For an answer it may be left out: `Re:` and its subject."},
    )
    body = Text(
        LONGEST_BODY,
        least=1,
        lines=True,
        required=True,
        metadata={"description": "At most 1,600 characters for `sms`, 4,096 for `whatsapp`."},
    )
    media = fields.Nested(
        MessageMedia,
        metadata={"description": "Only for `sms` and `whatsapp`. With a file, a text has at most 1,024 characters."},
    )
    account = Text(
        LONGEST_ACCOUNT,
        form=SLUG,
        metadata={
            "description": "The sending account to use. By default that of the channel.",
            "examples": ["front-desk"],
        },
    )
    in_reply_to = Id(
        metadata={"description": "Id of the message that is answered. It goes to its sender, and a mail to its thread."}
    )

    @validates_schema
    def _require_subject(self, data: JsonDict, **_: Any) -> None:
        if data["channel"] != email.CHANNEL.name:
            if "subject" in data:
                raise ValidationError("Only for e-mail.", "subject")
        elif not data.keys() & {"subject", "in_reply_to"}:
            raise ValidationError("Required for a message that answers no mail.", "subject")


class LeadMessageOut(Schema):
    """A message to a lead, or a mail or text message from a lead."""

    id = Id(required=True, metadata={"description": "Of the notification, or of the inbound mail or text message."})
    direction = Choice(Direction, required=True)
    channel = fields.String(required=True)
    at = Instant(required=True, metadata={"description": "Sent or received; when it was written, if it was not sent."})
    state = fields.String(
        required=True, metadata={"description": "State of the notification, or classification of the inbound message."}
    )
    reason = fields.String(required=True, allow_none=True)
    error = fields.String(required=True, allow_none=True)
    subject = fields.String(required=True, allow_none=True)
    text = fields.String(required=True, allow_none=True)
    template = fields.String(required=True, allow_none=True, metadata={"description": "`answer`: written by a user."})
    written_by = Id(required=True, allow_none=True, metadata={"description": "The user who wrote it."})
    delivered_at = Instant(required=True, allow_none=True)
    answers_id = Id(
        required=True, allow_none=True, metadata={"description": "The message that an inbound one answers."}
    )
    authentication = fields.Nested(
        AuthenticationOut, required=True, allow_none=True, metadata={"description": "Of an inbound mail."}
    )
    attachments = fields.List(fields.Nested(AttachmentOut), required=True)
    media = fields.List(
        fields.Nested(MediaOut), required=True, metadata={"description": "Of a message to the lead: type and URL."}
    )
    account = fields.String(required=True, allow_none=True, metadata={"description": "The sending account it names."})
    question = Choice(Question, required=True, allow_none=True, metadata=QUESTION)
    decide_by = Instant(required=True, allow_none=True, metadata=DECIDE_BY)

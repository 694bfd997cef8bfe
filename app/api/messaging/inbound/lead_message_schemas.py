"""Request and response schemas for the conversation with a lead."""

from typing import Any, Final

from marshmallow import ValidationError, fields, validate, validates_schema

from app.api.messaging.inbound.email_schemas import AttachmentOut
from app.core.type_aliases import JsonDict
from app.http.schemas.fields import Choice, Id, Instant, Text
from app.http.schemas.schema import Schema
from app.leads.timeline.models import Direction
from app.messaging.channels import email
from app.messaging.inbound.answers import LONGEST_SUBJECT

LONGEST_BODY: Final = 50_000


class LeadMessageIn(Schema):
    """A message that a user writes to a lead."""

    channel = fields.String(
        required=True, validate=validate.OneOf([email.CHANNEL.name]), metadata={"description": "Only `email`."}
    )
    subject = Text(
        LONGEST_SUBJECT, least=1, metadata={"description": "For an answer it may be left out: `Re:` and its subject."}
    )
    body = Text(LONGEST_BODY, least=1, lines=True, required=True)
    in_reply_to = Id(metadata={"description": "Id of the mail that is answered; it continues its thread."})

    @validates_schema
    def _require_subject(self, data: JsonDict, **_: Any) -> None:
        if not data.keys() & {"subject", "in_reply_to"}:
            raise ValidationError("Required for a message that answers no mail.", "subject")


class LeadMessageOut(Schema):
    """A message to a lead, or a mail from a lead."""

    id = Id(required=True, metadata={"description": "Of the notification, or of the inbound mail."})
    direction = Choice(Direction, required=True)
    channel = fields.String(required=True)
    at = Instant(required=True, metadata={"description": "Sent or received; when it was written, if it was not sent."})
    state = fields.String(
        required=True, metadata={"description": "State of the notification, or classification of the mail."}
    )
    reason = fields.String(required=True, allow_none=True)
    error = fields.String(required=True, allow_none=True)
    subject = fields.String(required=True, allow_none=True)
    text = fields.String(required=True, allow_none=True)
    template = fields.String(required=True, allow_none=True, metadata={"description": "`answer`: written by a user."})
    written_by = Id(required=True, allow_none=True, metadata={"description": "The user who wrote it."})
    delivered_at = Instant(required=True, allow_none=True)
    answers_id = Id(required=True, allow_none=True, metadata={"description": "The message that a mail answers."})
    attachments = fields.List(fields.Nested(AttachmentOut), required=True)

"""Request and response schemas for text messages that arrive."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from app.api.messaging.inbound.email_schemas import DECIDE_BY, LONGEST_NAME, QUESTION
from app.core.type_aliases import JsonDict
from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Schema
from app.leads.timeline.vocabulary import ContactChannel
from app.messaging.inbound.models import Question


class InboundTextQuery(PageQuery):
    """Filters for text messages that arrived."""

    channel = Choice(ContactChannel, metadata={"description": "`sms` or `whatsapp`."})
    lead_id = Id()
    is_matched = Boolean(metadata={"description": "`false`: without a lead."})
    is_ignored = Boolean(metadata={"description": "`false`: without messages that a user has ignored."})
    is_open_question = Boolean(metadata={"description": "`true`: only messages about which a user is to decide."})


class MediaOut(Schema):
    """A reference to a file of a message. The file stays at the provider."""

    type = fields.String(required=True, metadata={"description": "Content type, as the provider gives it."})
    reference = fields.String(required=True, metadata={"description": "URL or id at the provider."})
    size = Integer(required=True, allow_none=True, metadata={"description": "In bytes, if the provider gives it."})
    name = fields.String(required=True, allow_none=True)


class InboundTextOut(Schema):
    """A text message that arrived."""

    id = Id(required=True)
    channel = fields.String(required=True)
    lead_id = Id(required=True, allow_none=True, metadata={"description": "Null: the number is unknown."})
    account_id = Id(required=True, metadata={"description": "The sending account that it was sent to."})
    notification_id = Id(required=True, allow_none=True, metadata={"description": "The last message before it."})
    activity_id = Id(required=True, allow_none=True, metadata={"description": "Its entry on the lead's timeline."})
    sender = fields.String(required=True, allow_none=True, metadata={"examples": ["+12125550143"]})
    sender_name = fields.String(required=True, allow_none=True)
    body = fields.String(required=True, allow_none=True)
    media = fields.List(fields.Nested(MediaOut), required=True, allow_none=True)
    received_at = Instant(required=True)
    ignored_at = Instant(required=True, allow_none=True)
    question = Choice(Question, required=True, allow_none=True, metadata=QUESTION)
    decide_by = Instant(required=True, allow_none=True, metadata=DECIDE_BY)


class TextLeadIn(Schema):
    """A new lead from a text message. Its phone number is the sender's."""

    first_name = Text(LONGEST_NAME, least=1, required=True)
    last_name = Text(LONGEST_NAME, load_default="")
    source_id = Id(required=True)


class TextAssignmentIn(Schema):
    """The lead that a text message belongs to: an existing one, or a new one."""

    lead_id = Id()
    create_lead = fields.Nested(TextLeadIn)

    @validates_schema
    def _require_one(self, data: JsonDict, **_: Any) -> None:
        if len(data.keys() & {"lead_id", "create_lead"}) != 1:
            raise ValidationError("Give either lead_id or create_lead.", "lead_id")

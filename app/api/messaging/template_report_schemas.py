"""Request and response schemas for template previews, missing fields and statistics."""

from typing import Final

from marshmallow import fields, validate

from app.api.messaging.template_schemas import MessageMedia, Variants
from app.core.calendar.date_range import DEFAULT_DAYS
from app.http.schemas import words
from app.http.schemas.fields import Boolean, Id, Instant, Integer, Language, RegisteredName, Text
from app.http.schemas.map_of import MapOf
from app.http.schemas.schema import Aliases, QuerySchema, Schema
from app.leads.timeline.responses import REPLY_DAYS
from app.messaging.channels import email
from app.messaging.channels.registry import CHANNELS
from app.messaging.rendering.values import MAX_VALUE_LENGTH
from app.messaging.templates.missing_field_counts import MAX_LEADS_CHECKED

MAX_VALUES: Final = 100


class MessagePreviewIn(Schema):
    """Options of a preview."""

    lead_id = Id(allow_none=True, load_default=None, metadata={"description": "A lead; null: sample data."})
    channel = RegisteredName(CHANNELS.names, load_default=email.CHANNEL.name)
    language = Language(
        allow_none=True,
        load_default=None,
        metadata={"description": "Instead of the lead's language; null: the lead's own."},
    )
    values = MapOf(
        keys=fields.String(),
        values=Text(MAX_VALUE_LENGTH, allow_none=True),
        load_default=dict,
        validate=validate.Length(max=MAX_VALUES),
        metadata={
            "description": "Values by field name, instead of those of the lead or the sample data; null: no value.",
            "examples": [{"task.title": "Call back", "lead.value": None}],
        },
    )


class UnsavedMessageIn(MessagePreviewIn):
    """Unsaved texts and the options of a preview."""

    variants = Variants(required=True)


class MessagePreviewOut(Schema):
    """A preview of a message. Nothing is written."""

    variant = fields.String(required=True, metadata={"examples": ["email:fr"]})
    looked_for = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Variants in the order of the search; the last one exists and is used."},
    )
    subject = fields.String(required=True, allow_none=True)
    body = fields.String(required=True)
    media = fields.Nested(MessageMedia, required=True, allow_none=True)
    missing = fields.List(
        fields.String(),
        required=True,
        metadata={
            "description": "Fields that are printed but have neither a value nor a default. The preview shows their"
            " names in brackets. A message with a missing field is not sent."
        },
    )


class NeededFieldOut(Schema):
    """A required field."""

    field = fields.String(required=True, metadata={"examples": ["lead.value"]})
    variants = fields.List(
        fields.String(), required=True, metadata={"description": "Names of the texts that require it."}
    )
    leads = Integer(
        required=True,
        allow_none=True,
        metadata={
            "description": "Number of open leads that lack it; null: its value comes from the trigger of the message."
        },
    )


class MissingFieldsOut(Schema):
    """Required fields of a template, and the number of open leads that lack them."""

    open_leads = Integer(required=True, metadata={"description": "Number of checked leads, of those that you may see."})
    is_all = Boolean(
        required=True, metadata={"description": f"False: only the newest {MAX_LEADS_CHECKED} leads were checked."}
    )
    fields_ = fields.List(
        fields.Nested(NeededFieldOut),
        required=True,
        data_key="fields",
        metadata={"description": "Fields that are printed without a default or a condition."},
    )


class PeriodQuery(Aliases, QuerySchema):
    """Period of the statistics."""

    aliases = words.SINCE

    since = Instant(metadata={"description": f"By default {DEFAULT_DAYS} days before `until`."})
    until = Instant(metadata={"description": "Exclusive; by default now."})


class MessageFiguresOut(Schema):
    """Numbers of messages."""

    written = Integer(required=True)
    sent = Integer(required=True)
    failed = Integer(required=True)
    suppressed = Integer(required=True, metadata={"description": "Cancelled before they were sent."})
    replied = Integer(
        required=True,
        metadata={"description": f"Sent to leads who replied within {REPLY_DAYS} days."},
    )
    converted = Integer(required=True, metadata={"description": "Sent to leads who were converted later."})


class VersionFiguresOut(MessageFiguresOut):
    """Numbers of messages of one template version."""

    version_id = Id(required=True)
    number = Integer(required=True)


class TemplateStatisticsOut(MessageFiguresOut):
    """Numbers of messages of a template, created in a period."""

    since = Instant(required=True)
    until = Instant(required=True)
    versions = fields.List(fields.Nested(VersionFiguresOut), required=True)

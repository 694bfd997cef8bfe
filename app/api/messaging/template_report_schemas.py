"""What is asked of a template, and told of it: how it would read, what it lacks, and how it did."""

from typing import Final

from marshmallow import fields, validate

from app.api.messaging.template_schemas import MessageMedia, Variants
from app.core.date_range import DEFAULT_DAYS
from app.http.schemas.fields import Boolean, Id, Instant, Integer, Language, RegisteredName, Text
from app.http.schemas.schema import QuerySchema, Schema
from app.leads.timeline.responses import REPLY_DAYS
from app.messaging.channels import email
from app.messaging.channels.registry import CHANNELS
from app.messaging.rendering.values import LONGEST_VALUE
from app.messaging.templates.missing_fields import MOST_LOOKED_AT

MOST_VALUES: Final = 100


class MessagePreviewIn(Schema):
    """For whom, and how."""

    lead_id = Id(allow_none=True, load_default=None, metadata={"description": "A lead; null: somebody made up."})
    channel = RegisteredName(CHANNELS.names, load_default=email.CHANNEL.name)
    language = Language(
        allow_none=True, load_default=None, metadata={"description": "As if the lead had this one; null: as it is."}
    )
    values = fields.Dict(
        keys=fields.String(),
        values=Text(LONGEST_VALUE, allow_none=True),
        load_default=dict,
        validate=validate.Length(max=MOST_VALUES),
        metadata={
            "description": "Values of fields by their names, instead of those of the lead or of what is made up; null:"
            " none.",
            "examples": [{"task.title": "Call back", "lead.value": None}],
        },
    )


class UnsavedMessageIn(MessagePreviewIn):
    """Texts that are not saved yet, for whom, and how."""

    variants = Variants(required=True)


class MessagePreviewOut(Schema):
    """A message as it would be written. Nothing was."""

    variant = fields.String(required=True, metadata={"examples": ["email:fr"]})
    looked_for = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Variants in the order they were looked for; the last one is there, and used."},
    )
    subject = fields.String(required=True, allow_none=True)
    body = fields.String(required=True)
    media = fields.Nested(MessageMedia, required=True, allow_none=True)
    missing = fields.List(
        fields.String(),
        required=True,
        metadata={
            "description": "Fields that it prints, and that have neither a value nor a default; each is shown by its"
            " name in brackets. While there is one, the message is not written."
        },
    )


class NeededFieldOut(Schema):
    """A field that cannot be left out."""

    field = fields.String(required=True, metadata={"examples": ["lead.value"]})
    variants = fields.List(fields.String(), required=True, metadata={"description": "Which texts need it."})
    leads = Integer(
        required=True,
        allow_none=True,
        metadata={"description": "How many of the open leads lack it; null: it comes with what sets the message off."},
    )


class MissingFieldsOut(Schema):
    """What a template needs, and how many open leads lack it."""

    open_leads = Integer(required=True, metadata={"description": "How many were looked at: those that you may see."})
    is_all = Boolean(required=True, metadata={"description": f"False: those are the newest {MOST_LOOKED_AT} only."})
    fields_ = fields.List(
        fields.Nested(NeededFieldOut),
        required=True,
        data_key="fields",
        metadata={"description": "Those that are printed with neither a default nor a condition."},
    )


class PeriodQuery(QuerySchema):
    """Of which time."""

    since = Instant(metadata={"description": f"By default {DEFAULT_DAYS} days before `until`."})
    until = Instant(metadata={"description": "Exclusive; by default now."})


class MessageFiguresOut(Schema):
    """What became of messages."""

    written = Integer(required=True)
    sent = Integer(required=True)
    failed = Integer(required=True)
    suppressed = Integer(required=True, metadata={"description": "Stopped before they were sent."})
    replied = Integer(
        required=True,
        metadata={"description": f"Sent to leads who were heard of within {REPLY_DAYS} days."},
    )
    converted = Integer(required=True, metadata={"description": "Sent to leads who were converted after it."})


class VersionFiguresOut(MessageFiguresOut):
    """Those of a version."""

    version_id = Id(required=True)
    number = Integer(required=True)


class TemplateStatisticsOut(MessageFiguresOut):
    """What became of the messages of a template that were written within a time."""

    since = Instant(required=True)
    until = Instant(required=True)
    versions = fields.List(fields.Nested(VersionFiguresOut), required=True)

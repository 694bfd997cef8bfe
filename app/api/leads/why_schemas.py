"""Request and response schemas of `GET /api/leads/{id}/why`."""

from marshmallow import fields

from app.http.schemas.fields import Id, Instant, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Schema


class WhyQuery(PageQuery):
    """What is asked about: all of it, unless something is named."""

    at = Instant(metadata={"description": "What had happened by then, the latest first."})
    rule = Text(100, least=1, metadata={"description": "A rule's name: only what it decided."})
    step = Id(metadata={"description": "A step's id: the event that led to it."})


class DecisionOut(Schema):
    """What one rule decided about an event."""

    rule = fields.String(required=True)
    rule_id = Id(required=True, allow_none=True)
    version = fields.Integer(required=True, allow_none=True)
    verdict = fields.String(required=True)
    because = fields.String(required=True, metadata={"description": "In plain words."})
    details = fields.Dict(required=True)


class WhyStepOut(Schema):
    """A step that an event led to, and what became of it."""

    id = Id(required=True)
    kind = fields.String(required=True)
    name = fields.String(required=True)
    state = fields.String(required=True)
    reason = fields.String(required=True, allow_none=True)
    due_at = Instant(required=True)
    because = fields.String(required=True)


class WhyOut(Schema):
    """Something that happened, and what followed from it."""

    id = Id(required=True)
    event = fields.String(required=True)
    occurred_at = Instant(required=True)
    led_by = fields.List(
        fields.String(), required=True, metadata={"description": "The rules whose steps led to it; none: people did."}
    )
    backfill_job_id = Id(
        required=True,
        allow_none=True,
        metadata={"description": "The job that told a rule of it afterwards."},
    )
    decisions = fields.List(fields.Nested(DecisionOut), required=True)
    steps = fields.List(fields.Nested(WhyStepOut), required=True)

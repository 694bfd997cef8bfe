"""Request and response schemas of `GET /api/leads/{id}/why`."""

from marshmallow import fields

from app.http.schemas.fields import Id, Instant, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Schema


class WhyQuery(PageQuery):
    """Filters of the explanation; by default everything."""

    at = Instant(metadata={"description": "Only events up to this time, latest first."})
    rule = Text(100, least=1, metadata={"description": "Name of a rule: only its decisions."})
    step = Id(metadata={"description": "Id of a step: only the event that caused it."})


class DecisionOut(Schema):
    """Decision of one rule about an event."""

    rule = fields.String(required=True)
    rule_id = Id(required=True, allow_none=True)
    version = fields.Integer(required=True, allow_none=True)
    verdict = fields.String(required=True)
    because = fields.String(required=True, metadata={"description": "Explanation in plain words."})
    details = fields.Dict(required=True)


class WhyStepOut(Schema):
    """Step that an event caused, and its result."""

    id = Id(required=True)
    kind = fields.String(required=True)
    name = fields.String(required=True)
    state = fields.String(required=True)
    reason = fields.String(required=True, allow_none=True)
    due_at = Instant(required=True)
    because = fields.String(required=True)


class WhyOut(Schema):
    """An event and its consequences."""

    id = Id(required=True)
    event = fields.String(required=True)
    occurred_at = Instant(required=True)
    led_by = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Rules whose steps caused the event. Empty: a user or API call."},
    )
    backfill_job_id = Id(
        required=True,
        allow_none=True,
        metadata={"description": "Backfill job that applied a rule to the event later."},
    )
    decisions = fields.List(fields.Nested(DecisionOut), required=True)
    steps = fields.List(fields.Nested(WhyStepOut), required=True)

"""Request and response schemas of `GET /api/leads/{id}/why`."""

from marshmallow import fields

from app.automation.lead_view.enrollment_stories import EnrolledBy
from app.automation.sequences.models import EnrollmentState
from app.engine.models import BegunBy
from app.http.schemas.fields import Choice, Id, Instant, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Schema


class WhyQuery(PageQuery):
    """Filters of the explanation; by default everything."""

    at = Instant(metadata={"description": "Only events up to this time, latest first."})
    rule = Text(100, least=1, metadata={"description": "Name of a rule or sequence: only its decisions and steps."})
    step = Id(metadata={"description": "Id of a step: only the event or enrollment that began it."})


class DecisionOut(Schema):
    """Decision of one rule about an event."""

    rule = fields.String(required=True)
    rule_id = Id(required=True, allow_none=True)
    version = fields.Integer(required=True, allow_none=True)
    verdict = fields.String(required=True)
    because = fields.String(required=True, metadata={"description": "Explanation in plain words."})
    details = fields.Dict(required=True)


class WhyEnrollmentOut(Schema):
    """Enrollment in a sequence: how it began, and how it ended."""

    sequence = fields.String(required=True)
    version = fields.Integer(required=True)
    about = fields.String(required=True, allow_none=True, metadata={"description": "What it is about: `invoice A`."})
    begun_by = Choice(EnrolledBy, required=True)
    begun_by_name = fields.String(required=True, allow_none=True, metadata={"description": "Of the rule or nurture."})
    user_id = Id(required=True, allow_none=True, metadata={"description": "User who enrolled the lead."})
    state = Choice(EnrollmentState, required=True)
    reason = fields.String(required=True, allow_none=True)
    ended_at = Instant(required=True, allow_none=True)
    because = fields.String(required=True, metadata={"description": "Explanation in plain words."})


class WhyStepOut(Schema):
    """Step that began here, and its result."""

    id = Id(required=True)
    kind = fields.String(required=True)
    name = fields.String(required=True)
    state = fields.String(required=True)
    reason = fields.String(required=True, allow_none=True)
    due_at = Instant(required=True)
    begun_by = Choice(BegunBy, required=True, allow_none=True)
    because = fields.String(required=True)


class WhyOut(Schema):
    """An event, or the beginning of an enrollment, and its consequences."""

    id = Id(required=True)
    event = fields.String(
        required=True,
        metadata={
            "description": "Name of the event; `sequence.enrolled` for an enrollment; `step.begun` for a step that"
            " neither an event nor an enrollment began."
        },
    )
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
    enrollment = fields.Nested(WhyEnrollmentOut, required=True, allow_none=True)
    decisions = fields.List(fields.Nested(DecisionOut), required=True)
    steps = fields.List(fields.Nested(WhyStepOut), required=True)

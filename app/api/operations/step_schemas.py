"""Steps, out; and which of them to try again, in."""

from enum import StrEnum

from marshmallow import fields

from app.engine.models import StepState
from app.http.schemas.fields import Choice, Id, Instant, Integer, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import QuerySchema, Schema
from app.steps.kind_field import StepKindName

LONGEST_SPREAD = 7 * 24 * 3600  # seconds


class Trouble(StrEnum):
    FAILED = StepState.FAILED.value
    UNKNOWN = StepState.UNKNOWN.value


class StepOut(Schema):
    """One automation step: what caused it, what it did, or why it did not."""

    id = Id(required=True)
    lead_id = Id(required=True, allow_none=True)
    kind = fields.String(required=True)
    name = fields.String(required=True)
    state = fields.String(required=True)
    reason = fields.String(required=True, allow_none=True)
    cause = fields.Dict(required=True)
    params = fields.Dict(required=True)
    outcome = fields.Dict(required=True, allow_none=True)
    error = fields.String(required=True, allow_none=True)
    attempts = fields.Integer(required=True)
    due_at = Instant(required=True)
    created_at = Instant(required=True)
    finished_at = Instant(required=True, allow_none=True)


class StepQuery(PageQuery):
    """Which steps in trouble."""

    state = Choice(Trouble, load_default=Trouble.FAILED)
    kind = StepKindName()
    name = Text(100)
    since = Instant(metadata={"description": "Those that ended then or later."})


class RetryIn(Schema):
    """Which failed steps to try again, and over how long to spread them."""

    kind = StepKindName()
    name = Text(100)
    since = Instant()
    spread_seconds = Integer(most=LONGEST_SPREAD, load_default=0)


class RetriedOut(Schema):
    """How many were planned again, and how many that match are left."""

    retried = fields.Integer(required=True)
    left = fields.Integer(required=True)


class LatenessQuery(QuerySchema):
    """Of which period: the last day, unless it is given, and never more than seven days."""

    since = Instant()
    until = Instant()


class LateStepOut(Schema):
    """One step, and where it says why."""

    id = Id(required=True)
    lead_id = Id(required=True, allow_none=True)
    due_at = Instant(required=True)
    link = fields.String(required=True, allow_none=True)


class LatenessLineOut(Schema):
    """Steps of one kind of one rule. Late is what ran more than a minute after it was due."""

    kind = fields.String(required=True)
    name = fields.String(required=True)
    on_time = fields.Integer(required=True)
    late = fields.Integer(required=True, metadata={"description": "Done all the same."})
    p50_seconds = fields.Float(required=True, allow_none=True, metadata={"description": "Of those that ran late."})
    longest_seconds = fields.Float(required=True, allow_none=True)
    too_late = fields.Integer(required=True, metadata={"description": "Skipped: their rule wants them not so late."})
    skipped = fields.Integer(required=True, metadata={"description": "For other reasons."})
    failed = fields.Integer(required=True)
    put_off = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata={"description": "Those that wait for a later time now, by the reason."},
    )
    overdue = fields.Integer(required=True, metadata={"description": "Due, and still to be done."})
    first_late = fields.Nested(LateStepOut, required=True, allow_none=True)
    last_late = fields.Nested(LateStepOut, required=True, allow_none=True)
    first_overdue = fields.Nested(LateStepOut, required=True, allow_none=True)
    last_overdue = fields.Nested(LateStepOut, required=True, allow_none=True)


class GapOut(Schema):
    """A time in which no worker finished a step of the clinic's, though some were due."""

    since = Instant(required=True)
    until = Instant(required=True)
    waiting = fields.Integer(required=True, metadata={"description": "Steps that were due meanwhile."})
    because = fields.String(required=True, metadata={"description": "In plain words."})


class LatenessOut(Schema):
    """What ran late in a period."""

    since = Instant(required=True)
    until = Instant(required=True)
    rules = fields.List(fields.Nested(LatenessLineOut), required=True, metadata={"description": "The latest first."})
    gaps = fields.List(fields.Nested(GapOut), required=True)

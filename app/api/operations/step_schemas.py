"""Request and response schemas for failed steps and the lateness report."""

from enum import StrEnum

from marshmallow import fields

from app.api.operations.kind_field import StepKindName
from app.core.calendar.durations import LONGEST_SPREAD
from app.engine.models import StepState
from app.http.schemas import words
from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Aliases, QuerySchema, Schema


class Trouble(StrEnum):
    FAILED = StepState.FAILED.value
    UNKNOWN = StepState.UNKNOWN.value


class StepOut(Schema):
    """An automation step: its cause, its result, or the reason why it did not run."""

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
    """Filters for failed steps."""

    state = Choice(Trouble, load_default=Trouble.FAILED)
    kind = StepKindName()
    name = Text(100)
    since = Instant(metadata={"description": "Steps that ended at this time or later."})


class RetryIn(Schema):
    """Filters for the failed steps to retry, and the time over which to spread them."""

    kind = StepKindName()
    name = Text(100)
    since = Instant()
    spread_seconds = Integer(most=LONGEST_SPREAD, load_default=0)
    dry_run = Boolean(load_default=False, metadata={"description": "Count the matching steps; change nothing."})


class RetriedOut(Schema):
    """The number of steps planned again, and the number of matching steps that remain."""

    retried = fields.Integer(required=True)
    left = fields.Integer(required=True)
    dry_run = Boolean(required=True, metadata={"description": "`true`: nothing was changed."})


class LatenessQuery(Aliases, QuerySchema):
    """The period of the report. Default: the last day; at most seven days."""

    aliases = words.SINCE

    since = Instant()
    until = Instant()


class LateStepOut(Schema):
    """A late step, with a link to its explanation."""

    id = Id(required=True)
    lead_id = Id(required=True, allow_none=True)
    due_at = Instant(required=True)
    link = fields.String(required=True, allow_none=True)


class LatenessLineOut(Schema):
    """Steps of one kind and rule. A step is late if it ran more than one minute after its due time."""

    kind = fields.String(required=True)
    name = fields.String(required=True)
    on_time = fields.Integer(required=True)
    late = fields.Integer(required=True, metadata={"description": "Steps that ran late."})
    p50_seconds = fields.Float(required=True, allow_none=True, metadata={"description": "Median of the late steps."})
    longest_seconds = fields.Float(required=True, allow_none=True)
    too_late = fields.Integer(required=True, metadata={"description": "Skipped: later than their rule allows."})
    skipped = fields.Integer(required=True, metadata={"description": "Steps skipped for other reasons."})
    failed = fields.Integer(required=True)
    put_off = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata={"description": "Number of postponed steps, by reason."},
    )
    overdue = fields.Integer(required=True, metadata={"description": "Steps that are due and have not run."})
    first_late = fields.Nested(LateStepOut, required=True, allow_none=True)
    last_late = fields.Nested(LateStepOut, required=True, allow_none=True)
    first_overdue = fields.Nested(LateStepOut, required=True, allow_none=True)
    last_overdue = fields.Nested(LateStepOut, required=True, allow_none=True)


class GapOut(Schema):
    """A time in which no worker finished a step of the clinic, although some were due."""

    since = Instant(required=True)
    until = Instant(required=True)
    waiting = fields.Integer(required=True, metadata={"description": "Number of steps that became due in this time."})
    because = fields.String(required=True, metadata={"description": "Explanation as text."})


class LatenessOut(Schema):
    """The lateness report of a period."""

    since = Instant(required=True)
    until = Instant(required=True)
    rules = fields.List(fields.Nested(LatenessLineOut), required=True, metadata={"description": "Latest first."})
    gaps = fields.List(fields.Nested(GapOut), required=True)

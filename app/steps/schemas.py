"""Steps, out; and which of them to try again, in."""

from enum import StrEnum

from marshmallow import fields

from app.automation.models import Kind, StepState
from app.http.fields import Choice, Id, Instant, Integer, Text
from app.http.paging import PageQuery
from app.http.schema import Schema

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
    kind = Choice(Kind)
    name = Text(100)
    since = Instant(metadata={"description": "Those that ended then or later."})


class RetryIn(Schema):
    """Which failed steps to try again, and over how long to spread them."""

    kind = Choice(Kind)
    name = Text(100)
    since = Instant()
    spread_seconds = Integer(most=LONGEST_SPREAD, load_default=0)


class RetriedOut(Schema):
    """How many were planned again, and how many that match are left."""

    retried = fields.Integer(required=True)
    left = fields.Integer(required=True)

"""Response schemas of `GET /api/leads/{id}/automation`."""

from marshmallow import fields

from app.api.operations.step_schemas import StepOut
from app.engine.models import BegunBy
from app.http.schemas.fields import Choice, Id, Instant
from app.http.schemas.schema import Schema


class MovedOut(Schema):
    """Reason why a due time was moved, and the new time."""

    by = fields.String(required=True)
    to = Instant(required=True)
    user_id = Id(required=True, allow_none=True, metadata={"description": "User who moved it (`by_hand`)."})


class LeadStepOut(StepOut):
    """One automation step of a lead: planned, published, or past."""

    lateness_seconds = fields.Float(
        required=True, allow_none=True, metadata={"description": "Start time minus due time; null before the start."}
    )
    rule = fields.String(required=True, allow_none=True, metadata={"description": "Rule that planned it."})
    rule_version = fields.Integer(required=True, allow_none=True)
    begun_by = Choice(
        BegunBy, required=True, allow_none=True, metadata={"description": "How it began. Null: before it was stored."}
    )
    wanted_at = Instant(
        required=True, allow_none=True, metadata={"description": "Due time by the wait alone, if it was moved."}
    )
    moves = fields.List(
        fields.Nested(MovedOut),
        required=True,
        metadata={"description": "Changes of the due time, by the calendar when planned or by a reason when due."},
    )

"""Response schemas of `GET /api/leads/{id}/automation`."""

from marshmallow import fields

from app.api.operations.step_schemas import StepOut
from app.http.schemas.fields import Instant
from app.http.schemas.schema import Schema


class MovedOut(Schema):
    """What moved a due time, and to when."""

    by = fields.String(required=True)
    to = Instant(required=True)


class LeadStepOut(StepOut):
    """One automation step of a lead: planned, on its way, or past."""

    lateness_seconds = fields.Float(
        required=True, allow_none=True, metadata={"description": "Ran less due; null while it has not run."}
    )
    rule = fields.String(required=True, allow_none=True, metadata={"description": "The one that planned it."})
    rule_version = fields.Integer(required=True, allow_none=True)
    wanted_at = Instant(
        required=True, allow_none=True, metadata={"description": "What the rule's wait alone says, if that was moved."}
    )
    moves = fields.List(
        fields.Nested(MovedOut), required=True, metadata={"description": "What moved it as it was planned."}
    )

"""The board: what a Kanban view needs, in one call."""

from typing import Any

from marshmallow import fields

from app.api.leads.out_schemas import FollowUpSourceOut
from app.api.leads.rotting_schemas import RottingOut
from app.api.leads.schemas import Somebody
from app.api.pipeline.stage_schemas import StageOut
from app.http.access import actor, allow, reading
from app.http.blueprint import Blueprint
from app.http.schemas.fields import Choice, Id, Instant, Integer, Money
from app.http.schemas.schema import QuerySchema, Schema
from app.identity.permissions import Permission
from app.leads.models import LeadStatus, TreatmentInterest
from app.leads.pipeline.board import board

blp = Blueprint("board", __name__, url_prefix="/api/pipeline", description="The pipeline as a board.")


class BoardQuery(QuerySchema):
    """Whose leads to show, and how many of each stage."""

    cards = Integer(least=1, most=50, load_default=20, metadata={"description": "At most so many of each stage."})
    assigned_to_id = Somebody()
    source_id = Id()


class CardOut(RottingOut):
    """A lead, as far as its card shows it."""

    id = Id(required=True)
    status = Choice(LeadStatus, required=True)
    first_name = fields.String(required=True)
    last_name = fields.String(required=True)
    patient_first_name = fields.String(required=True)
    patient_last_name = fields.String(required=True)
    treatment_interest = fields.List(Choice(TreatmentInterest), required=True)
    source_id = Id(required=True)
    assigned_to_id = Id(required=True, allow_none=True)
    stage_entered_at = Instant(required=True)
    stage_overdue_since = Instant(
        required=True, allow_none=True, metadata={"description": "Since when it is longer in its stage than it may be."}
    )
    last_activity_at = Instant(required=True)
    stale_since = Instant(required=True, allow_none=True)
    failed_attempts = Integer(required=True)
    next_follow_up_at = Instant(
        required=True, allow_none=True, metadata={"description": "When its next open task is due."}
    )
    next_follow_up_source = fields.Nested(FollowUpSourceOut, required=True, allow_none=True)
    lead_value = Money(required=True, allow_none=True)
    created_at = Instant(required=True)
    version = Integer(required=True)


class ColumnOut(Schema):
    """A stage and its leads."""

    stage = fields.Nested(StageOut, required=True)
    count = Integer(required=True, metadata={"description": "All leads in the stage that pass the filters."})
    value = Money(required=True, metadata={"description": "What they are worth together, in the clinic's currency."})
    cards = fields.List(fields.Nested(CardOut), required=True, metadata={"description": "The newest first."})
    next_cursor = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "For the next ones: `cursor` of `GET /api/leads?stage=...` with the same filters."},
    )


class BoardOut(Schema):
    """The stages in their order."""

    columns = fields.List(fields.Nested(ColumnOut), required=True)


@blp.get("/board")
@allow(Permission.LEAD_READ)
@blp.arguments(BoardQuery)
@blp.response(200, BoardOut)
def show_board(query: dict[str, Any]) -> dict[str, Any]:
    """Show the pipeline as a board.

    Every stage with the number of its leads, their value, and the newest of them; who should be looked at is marked.
    """
    with reading() as session:
        return {"columns": board(session, actor(), query)}

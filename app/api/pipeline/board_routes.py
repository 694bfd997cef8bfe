"""Route of `/api/pipeline/board`: data of a Kanban board in one request."""

from marshmallow import fields

from app.api.leads.out_schemas import FollowUpSourceOut
from app.api.leads.rotting_schemas import RottingOut
from app.api.pipeline.stage_schemas import StageOut
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading
from app.http.blueprint import Blueprint
from app.http.schemas.common_fields import UserIdOrMe
from app.http.schemas.fields import Choice, Id, Instant, Integer, Money
from app.http.schemas.schema import QuerySchema, Schema
from app.identity.permissions import Permission
from app.leads.enums import LeadStatus, TreatmentInterest
from app.leads.pipeline.board import board

blp = Blueprint("board", __name__, url_prefix="/api/pipeline", description="The pipeline as a board.")


class BoardQuery(QuerySchema):
    """Filters of the board, and number of leads per stage."""

    cards = Integer(least=1, most=50, load_default=20, metadata={"description": "Maximum number of leads per stage."})
    assigned_to_id = UserIdOrMe()
    source_id = Id()


class CardOut(RottingOut):
    """Lead fields on a card."""

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
        required=True, allow_none=True, metadata={"description": "Time since when the lead exceeds the stage's limit."}
    )
    last_activity_at = Instant(required=True)
    stale_since = Instant(required=True, allow_none=True)
    failed_attempts = Integer(required=True)
    next_follow_up_at = Instant(
        required=True, allow_none=True, metadata={"description": "Due time of the next open task."}
    )
    next_follow_up_source = fields.Nested(FollowUpSourceOut, required=True, allow_none=True)
    lead_value = Money(required=True, allow_none=True)
    created_at = Instant(required=True)
    version = Integer(required=True)


class ColumnOut(Schema):
    """A stage and its leads."""

    stage = fields.Nested(StageOut, required=True)
    count = Integer(required=True, metadata={"description": "Number of leads in the stage that pass the filters."})
    value = Money(required=True, metadata={"description": "Total value of these leads, in the clinic's currency."})
    cards = fields.List(fields.Nested(CardOut), required=True, metadata={"description": "Newest first."})
    next_cursor = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "Cursor for more leads: `cursor` of `GET /api/leads?stage=...` with the same filters."
        },
    )


class BoardOut(Schema):
    """Stages in their order."""

    columns = fields.List(fields.Nested(ColumnOut), required=True)


@blp.get("/board")
@allow(Permission.LEAD_READ)
@blp.arguments(BoardQuery)
@blp.response(200, BoardOut)
def show_board(query: JsonDict) -> JsonDict:
    """Show the pipeline as a board.

    Every stage with its number of leads, their total value and the newest leads. Overdue and rotting leads are flagged.
    """
    with reading() as session:
        return {"columns": board(session, actor(), query)}

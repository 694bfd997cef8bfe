"""Moving who is in a sequence to another version of it."""

from typing import Any
from uuid import UUID

from app.api.sequences.move_schemas import MoveIn, MovePlanOut, MoveQuery, VersionMovedOut
from app.automation.sequences.versions.move_plan import plan_move, shown
from app.automation.sequences.versions.version_moves import carry_out_move
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.identity.permissions import Permission

blp = Blueprint("sequence-moves", __name__, url_prefix="/api/sequences", description="From version to version.")


@blp.get("/<uuid:sequence_id>/move")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(MoveQuery)
@blp.response(200, MovePlanOut)
def plan_sequence_move(query: dict[str, int], sequence_id: UUID) -> dict[str, Any]:
    """See what would become of all who are in a sequence if they were moved to another version.

    Nothing is written. They stay where the new text has a step of the same name; else they jump to the next one of
    their own text that it has.
    """
    with reading() as session:
        return shown(session, actor(), plan_move(session, actor(), sequence_id, query.get("to")))


@blp.post("/<uuid:sequence_id>/move")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(MoveIn)
@blp.response(200, VersionMovedOut)
@blp.alt_response(409, "CONFLICT")
def move_sequence(given: dict[str, Any], sequence_id: UUID) -> dict[str, Any]:
    """Move all who are in a sequence to another version.

    As the plan that you saw says; if it no longer holds: 409. What is planned for them is planned anew, for the same
    time. More than 500 are moved by a job.
    """
    with unit_of_work() as session:
        return carry_out_move(session, actor(), sequence_id, given)

"""Routes to move enrollments to another version of their sequence."""

from uuid import UUID

from app.api.sequences.move_schemas import MoveIn, MovePlanOut, MoveQuery, VersionMovedOut
from app.automation.sequences.versions.move_plan import plan_move, to_response
from app.automation.sequences.versions.version_moves import check_move, move_to_version
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.identity.permissions import Permission

blp = Blueprint(
    "sequence-moves", __name__, url_prefix="/api/sequences", description="Move enrollments to another version."
)


@blp.get("/<uuid:sequence_id>/move")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(MoveQuery)
@blp.response(200, MovePlanOut)
def plan_sequence_move(query: dict[str, int], sequence_id: UUID) -> JsonDict:
    """Preview the move of all enrollments of a sequence to another version.

    Nothing is written. An enrollment stays at its step if the new version has a step with the same name. Else it jumps
    to the next step of its own version that the new version has.
    """
    with reading() as session:
        return to_response(session, actor(), plan_move(session, actor(), sequence_id, query.get("to")))


@blp.post("/<uuid:sequence_id>/move")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(MoveIn, lookups=check_move)
@blp.response(200, VersionMovedOut)
@blp.alt_response(409, "CONFLICT")
def move_sequence(given: JsonDict, sequence_id: UUID) -> JsonDict:
    """Move all enrollments of a sequence to another version.

    Follows the plan with this fingerprint; returns 409 if the plan has changed. Planned steps are planned again for the
    same time. More than 500 leads are moved by a job.
    """
    with unit_of_work() as session:
        return move_to_version(session, actor(), sequence_id, given)

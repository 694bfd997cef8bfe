"""Routes of sequences (bansalcrm2-follow-up-guide.md, sequences and workflows)."""

from uuid import UUID

from app.api.automation.version_schemas import CompareQuery, ComparisonOut, RollBackIn
from app.api.sequences.schemas import SequenceChange, SequenceIn, SequenceOut, SequenceQuery, SequenceVersionOut
from app.automation.sequences import service
from app.automation.sequences.definitions import SEQUENCES
from app.core.optimistic_locking import SeenVersions
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.preconditions import if_match, if_match_accepted
from app.http.schemas.paging import page_of
from app.identity.permissions import Permission

blp = Blueprint("sequences", __name__, url_prefix="/api/sequences", description="Sequences of follow-up steps.")


@blp.get("")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(SequenceQuery)
@blp.response(200, page_of(SequenceOut))
def list_sequences(query: JsonDict) -> Page:
    """List the clinic's sequences.

    Ordered by name.
    """
    with reading() as session:
        return service.list_sequences(session, actor(), query)


@blp.post("")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(SequenceIn, lookups=SEQUENCES.check_new)
@blp.response(201, SequenceOut)
@blp.alt_response(409, "CONFLICT")
def create_sequence(given: JsonDict) -> JsonDict:
    """Create a sequence.

    Leads can be enrolled at once, unless it is a draft.
    """
    with unit_of_work() as session:
        return service.create_sequence(session, actor(), given)


@blp.get("/<uuid:sequence_id>")
@allow(Permission.AUTOMATION_READ)
@blp.response(200, SequenceOut)
def get_sequence(sequence_id: UUID) -> JsonDict:
    """Show a sequence."""
    with reading() as session:
        return service.get_sequence(session, actor(), sequence_id)


@blp.patch("/<uuid:sequence_id>")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(SequenceChange, lookups=SEQUENCES.check_change)
@blp.response(200, SequenceOut)
@blp.alt_response(409, "CONFLICT")
@if_match
def change_sequence(given: JsonDict, sequence_id: UUID, seen: SeenVersions) -> JsonDict:
    """Edit, activate or deactivate a sequence.

    A changed definition becomes the next version; enrolled leads stay on theirs. While it is inactive no lead is
    enrolled, and due steps wait until it is active again.
    """
    with unit_of_work() as session:
        return service.change_sequence(session, actor(), sequence_id, given, seen=seen)


@blp.delete("/<uuid:sequence_id>")
@allow(Permission.AUTOMATION_MANAGE)
@blp.response(204)
@if_match
def delete_sequence(sequence_id: UUID, seen: SeenVersions) -> None:
    """Delete a sequence.

    All its enrollments end.
    """
    with unit_of_work() as session:
        service.delete_sequence(session, actor(), sequence_id, seen=seen)


@blp.post("/<uuid:sequence_id>/publish")
@allow(Permission.AUTOMATION_MANAGE)
@blp.response(200, SequenceOut)
@blp.alt_response(409, "CONFLICT")
@if_match_accepted
def publish_sequence(sequence_id: UUID, seen: SeenVersions) -> JsonDict:
    """Publish the draft of a sequence.

    New enrollments use it. A sequence that is published for the first time becomes active. Send `If-Match` to publish
    no other draft than the one that you have seen.
    """
    with unit_of_work() as session:
        return service.publish(session, actor(), sequence_id, seen=seen)


@blp.post("/<uuid:sequence_id>/rollback")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(RollBackIn)
@blp.response(200, SequenceOut)
@if_match_accepted
def roll_back_sequence(given: dict[str, int], sequence_id: UUID, seen: SeenVersions) -> JsonDict:
    """Roll back a sequence to an earlier version.

    The earlier definition becomes a new version. A draft is discarded. Send `If-Match` to discard no draft unseen.
    """
    with unit_of_work() as session:
        return service.roll_back(session, actor(), sequence_id, given["number"], seen=seen)


@blp.get("/<uuid:sequence_id>/versions")
@allow(Permission.AUTOMATION_READ)
@blp.response(200, page_of(SequenceVersionOut))
def list_sequence_versions(sequence_id: UUID) -> Page:
    """List all versions of a sequence.

    The newest first; a draft is first of all.
    """
    with reading() as session:
        return Page(service.versions_of(session, actor(), sequence_id), next_cursor=None)


@blp.get("/<uuid:sequence_id>/diff")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(CompareQuery)
@blp.response(200, ComparisonOut)
def compare_sequence_versions(query: JsonDict, sequence_id: UUID) -> JsonDict:
    """Compare two versions of a sequence."""
    with reading() as session:
        return service.compare(session, actor(), sequence_id, query)

"""Sequence service: sequences of a clinic and their versions. The caller commits."""

from uuid import UUID

from sqlalchemy.orm import Session

from app.automation.sequences.definitions import SEQUENCES, find_sequence
from app.automation.sequences.enrollments.exit import end_all_in_sequence
from app.automation.sequences.enrollments.pause import resume_waiting_enrollments
from app.clock import now
from app.core.optimistic_locking import SeenVersions
from app.core.pagination import Page, page
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.sequences.models import SequenceRow
from app.identity.actor import Actor


def list_sequences(session: Session, actor: Actor, query: JsonObject) -> Page:
    """List the clinic's sequences, by name."""
    found = page(session, SEQUENCES.matching(actor, query), SEQUENCES.by_name, query)
    return Page(SEQUENCES.to_responses(session, found.items), found.next_cursor, found.total_count)


def get_sequence(session: Session, actor: Actor, sequence_id: UUID) -> JsonDict:
    """Return a sequence, as SequenceOut. Raises NotFound."""
    return _to_response(session, find_sequence(session, actor, sequence_id))


def create_sequence(session: Session, actor: Actor, data: JsonObject) -> JsonDict:
    """Create a sequence from `data`, the fields of SequenceIn: published, or as a draft.

    Raises Invalid, SequenceNameTaken.
    """
    return _to_response(session, SEQUENCES.create(session, actor, data))


def change_sequence(
    session: Session, actor: Actor, sequence_id: UUID, data: JsonObject, *, seen: SeenVersions
) -> JsonDict:
    """Replace the parts in `data`; null removes one. Saves the next version, or the draft with `is_draft`.

    Enrolled leads stay on their version. Due steps wait while the sequence is inactive, and run once it is active
    again. Raises NotFound, ChangedMeanwhile, Invalid, NothingToPublish.
    """
    sequence = SEQUENCES.begin_change(session, actor, sequence_id, seen)
    SEQUENCES.change(session, actor, sequence, data)
    if "is_active" in data:
        _set_active(session, actor, sequence, is_active=data["is_active"])
    return _to_response(session, SEQUENCES.save(session, actor, sequence))


def delete_sequence(session: Session, actor: Actor, sequence_id: UUID, *, seen: SeenVersions) -> None:
    """Delete a sequence, and end its enrollments. Raises NotFound, ChangedMeanwhile."""
    sequence = SEQUENCES.begin_change(session, actor, sequence_id, seen)
    sequence.active = False
    sequence.deleted_at = now()
    end_all_in_sequence(session, sequence.id, at=sequence.deleted_at)
    SEQUENCES.save(session, actor, sequence)


def publish(session: Session, actor: Actor, sequence_id: UUID, *, seen: SeenVersions) -> JsonDict:
    """Publish the draft: new enrollments use it. Raises NotFound, ChangedMeanwhile, NothingToPublish, Invalid."""
    return _to_response(session, SEQUENCES.publish(session, actor, sequence_id, seen=seen))


def roll_back(session: Session, actor: Actor, sequence_id: UUID, number: int, *, seen: SeenVersions) -> JsonDict:
    """Publish an earlier version's text as a new version. Raises NotFound, ChangedMeanwhile, Invalid."""
    return _to_response(session, SEQUENCES.roll_back(session, actor, sequence_id, number, seen=seen))


def versions_of(session: Session, actor: Actor, sequence_id: UUID) -> list[JsonDict]:
    """List all versions of the sequence, newest first; a draft is first of all. Raises NotFound."""
    return SEQUENCES.list_versions(session, actor, sequence_id)


def compare(session: Session, actor: Actor, sequence_id: UUID, query: JsonObject) -> JsonDict:
    """Compare two versions; default: the published version and the draft. Raises NotFound."""
    return SEQUENCES.compare(session, actor, sequence_id, query)


def _set_active(session: Session, actor: Actor, sequence: SequenceRow, *, is_active: bool) -> None:
    SEQUENCES.set_active(session, sequence, is_active=is_active)
    if is_active:
        resume_waiting_enrollments(session, actor.clinic, sequence.id, at=now())


def _to_response(session: Session, sequence: SequenceRow) -> JsonDict:
    [response] = SEQUENCES.to_responses(session, [sequence])
    return response

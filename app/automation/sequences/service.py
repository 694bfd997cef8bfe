"""A clinic's sequences and their versions. Every function takes the session first; the caller commits."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.automation.language.sequences import Sequence as SequenceDefinition
from app.automation.language.validation import mistakes_in
from app.automation.rules.definitions import names_in, require_none
from app.automation.sequences.enrollments.exit import end_all_in
from app.automation.sequences.enrollments.pause import resume_held_up
from app.automation.sequences.errors import NothingToPublish, SequenceNameTaken
from app.automation.versioned_definitions import Texts
from app.clock import now
from app.core.optimistic_locking import SeenVersions
from app.core.pagination import Key, Page, page
from app.engine.sequences.models import SequenceRow, SequenceVersion
from app.engine.statistics.outcome_statistics import Series, reset_counts
from app.identity.actor import Actor
from app.identity.clinic_context import ClinicContext

BY_NAME: Final[list[Key]] = [(SequenceRow.slug, "asc"), (SequenceRow.id, "asc")]


def require_right(session: Session, clinic: ClinicContext, definition: Mapping[str, Any]) -> None:
    """Refuse a sequence with mistakes.

    Raises:
        Invalid: with a pointer to each mistake, and what would be right.
    """
    require_none(mistakes_in(SequenceDefinition, definition, names_in(session, clinic)))


TEXTS: Final = Texts(
    "sequence", SequenceRow, SequenceVersion, "sequence_id", require_right, SequenceNameTaken, NothingToPublish
)


def list_sequences(session: Session, actor: Actor, query: Mapping[str, Any]) -> Page:
    """The clinic's sequences by name."""
    sequences = TEXTS.of_clinic(actor.clinic.id)
    if "is_active" in query:
        sequences = sequences.where(SequenceRow.active if query["is_active"] else ~SequenceRow.active)
    found = page(session, sequences, BY_NAME, query)
    return Page(TEXTS.shown(session, found.items), found.next_cursor, found.total_count)


def get_sequence(session: Session, actor: Actor, sequence_id: UUID) -> dict[str, Any]:
    """One sequence. Raises NotFound."""
    return _shown(session, find_sequence(session, actor, sequence_id))


def create_sequence(session: Session, actor: Actor, data: Mapping[str, Any]) -> dict[str, Any]:
    """A new sequence of what `SequenceIn` read: in force at once, or as a draft. Raises Invalid, SequenceNameTaken."""
    return _shown(session, TEXTS.create(session, actor, data))


def change_sequence(
    session: Session, actor: Actor, sequence_id: UUID, data: Mapping[str, Any], *, seen: SeenVersions
) -> dict[str, Any]:
    """Replace the parts in `data`, null takes one away: as the next version, or, with `is_draft`, as the draft.

    Leads that are in it go on through the version that they began with. While it is switched off, what comes due
    waits; it is done when the sequence is switched on again. Raises NotFound, ChangedMeanwhile, Invalid.
    """
    sequence = TEXTS.begin_change(session, actor, sequence_id, seen)
    TEXTS.change(session, actor, sequence, data)
    if "is_active" in data:
        _switch(session, actor, sequence, is_on=data["is_active"])
    return _touched(session, actor, sequence)


def delete_sequence(session: Session, actor: Actor, sequence_id: UUID, *, seen: SeenVersions) -> None:
    """The sequence is gone, and every lead has left it. Raises NotFound, ChangedMeanwhile."""
    sequence = TEXTS.begin_change(session, actor, sequence_id, seen)
    sequence.active = False
    sequence.deleted_at = now()
    end_all_in(session, sequence.id, at=sequence.deleted_at)
    TEXTS.touch(session, actor, sequence)


def publish(session: Session, actor: Actor, sequence_id: UUID) -> dict[str, Any]:
    """Who is enrolled from now on goes through the draft. Raises NotFound, NothingToPublish, Invalid."""
    sequence = find_sequence(session, actor, sequence_id, lock=True)
    TEXTS.publish(session, actor, sequence)
    return _touched(session, actor, sequence)


def roll_back(session: Session, actor: Actor, sequence_id: UUID, number: int) -> dict[str, Any]:
    """An earlier text is in force again, as a new version. Raises NotFound, Invalid."""
    sequence = find_sequence(session, actor, sequence_id, lock=True)
    TEXTS.roll_back(session, actor, sequence, number)
    return _touched(session, actor, sequence)


def versions_of(session: Session, actor: Actor, sequence_id: UUID) -> list[dict[str, Any]]:
    """All texts of the sequence, the newest first; a draft before all others. Raises NotFound."""
    return TEXTS.all_of(session, find_sequence(session, actor, sequence_id))


def compare(session: Session, actor: Actor, sequence_id: UUID, query: Mapping[str, Any]) -> dict[str, Any]:
    """What differs between two versions; unless they are named, the one in force and the draft. Raises NotFound."""
    return TEXTS.compare(session, find_sequence(session, actor, sequence_id), query)


def find_sequence(session: Session, actor: Actor, sequence_id: UUID, *, lock: bool = False) -> SequenceRow:
    """The clinic's sequence of that id. Raises NotFound."""
    return TEXTS.find(session, actor, sequence_id, lock=lock)


def _switch(session: Session, actor: Actor, sequence: SequenceRow, *, is_on: bool) -> None:
    if is_on:
        TEXTS.require_published(sequence)
    if is_on and sequence.paused_because is not None:
        reset_counts(session, Series(sequence.clinic_id, sequence.slug))
    sequence.active, sequence.paused_because = is_on, None
    if is_on:
        resume_held_up(session, actor.clinic, sequence.id, at=now())


def _touched(session: Session, actor: Actor, sequence: SequenceRow) -> dict[str, Any]:
    TEXTS.touch(session, actor, sequence)
    return _shown(session, sequence)


def _shown(session: Session, sequence: SequenceRow) -> dict[str, Any]:
    [shown] = TEXTS.shown(session, [sequence])
    return shown

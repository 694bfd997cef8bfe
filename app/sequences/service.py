"""A clinic's sequences and their versions, as `app.rules.service` has rules. The caller commits."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.automation.playbooks import plain
from app.automation.playbooks.check_sequence import check_sequence
from app.automation.sequence_models import Sequence, SequenceVersion
from app.automation.series import Series, count_anew
from app.clock import now
from app.db import new_id
from app.differences import differences
from app.errors import Invalid, NotFound
from app.http.paging import Key, Page, page
from app.identity.actor import Actor
from app.identity.clinics import count_up
from app.rules.definitions import around, require_none
from app.sequences.errors import NothingToPublish, SequenceNameTaken
from app.sequences.leaving import end_all_in
from app.sequences.pausing import resume_held_up
from app.sequences.showing import all_shown, draft_of, shown, version_shown
from app.versions import Seen, require_seen

OWN: Final = ""  # the playbook of a sequence that came from none
BY_NAME: Final[list[Key]] = [(Sequence.slug, "asc"), (Sequence.id, "asc")]
_SETTINGS: Final = frozenset({"is_active", "is_draft"})  # of a sequence, and no part of its text


def list_sequences(session: Session, actor: Actor, query: Mapping[str, Any]) -> Page:
    """The clinic's sequences by name."""
    sequences = select(Sequence).where(Sequence.clinic_id == actor.clinic.id, Sequence.deleted_at.is_(None))
    if "is_active" in query:
        sequences = sequences.where(Sequence.active if query["is_active"] else ~Sequence.active)
    found = page(session, sequences, BY_NAME, query)
    return Page(all_shown(session, found.items), found.next_cursor, found.total_count)


def get_sequence(session: Session, actor: Actor, sequence_id: UUID) -> dict[str, Any]:
    """One sequence. Raises NotFound."""
    return shown(session, find_sequence(session, actor, sequence_id))


def create_sequence(session: Session, actor: Actor, data: Mapping[str, Any]) -> dict[str, Any]:
    """A new sequence of what `SequenceIn` read: in force at once, or as a draft. Raises Invalid, SequenceNameTaken."""
    definition = {name: value for name, value in data.items() if name not in _SETTINGS and value is not None}
    _require_right(session, actor, definition)
    at, is_draft = now(), data["is_draft"]
    sequence = Sequence(
        id=new_id(),
        clinic_id=actor.clinic.id,
        playbook=OWN,
        slug=definition["name"],
        definition=None if is_draft else definition,
        published=None if is_draft else 1,
        active=data["is_active"] and not is_draft,
        created_at=at,
        updated_at=at,
        updated_by=actor.user_id,
        version=1,
    )
    session.add(sequence)
    _flush(session)
    session.add(_text(actor, sequence, definition, number=sequence.published))
    count_up(session, actor.clinic.id)
    return shown(session, sequence)


def change_sequence(
    session: Session, actor: Actor, sequence_id: UUID, data: Mapping[str, Any], *, seen: Seen
) -> dict[str, Any]:
    """Replace the parts in `data`, null takes one away: as the next version, or, with `is_draft`, as the draft.

    Leads that are in it go on through the version that they began with. While it is switched off, what comes due
    waits; it is done when the sequence is switched on again. Raises NotFound, ChangedMeanwhile, Invalid.
    """
    sequence = find_sequence(session, actor, sequence_id, lock=True)
    require_seen(sequence, seen)
    parts = {name: value for name, value in data.items() if name not in _SETTINGS}
    if parts.get("name", sequence.slug) != sequence.slug:
        raise Invalid.at("/name", "Steps and reports know the sequence by its name: it stays.")
    if parts or data.get("is_draft"):
        _write(session, actor, sequence, _changed(session, sequence, parts), is_draft=data.get("is_draft", False))
    if "is_active" in data:
        _switch(session, actor, sequence, is_on=data["is_active"])
    return _touched(session, actor, sequence)


def delete_sequence(session: Session, actor: Actor, sequence_id: UUID, *, seen: Seen) -> None:
    """The sequence is gone, and every lead has left it. Raises NotFound, ChangedMeanwhile."""
    sequence = find_sequence(session, actor, sequence_id, lock=True)
    require_seen(sequence, seen)
    sequence.active = False
    sequence.deleted_at = now()
    end_all_in(session, sequence.id, at=sequence.deleted_at)
    _touched(session, actor, sequence)


def publish(session: Session, actor: Actor, sequence_id: UUID) -> dict[str, Any]:
    """Who is enrolled from now on goes through the draft. Raises NotFound, NothingToPublish, Invalid."""
    sequence = find_sequence(session, actor, sequence_id, lock=True)
    draft = session.scalars(draft_of(sequence)).one_or_none()
    if draft is None:
        raise NothingToPublish
    _require_right(session, actor, draft.definition)
    was_never = sequence.published is None
    draft.number = _next_number(session, sequence)
    sequence.definition, sequence.published = draft.definition, draft.number
    sequence.active = sequence.active or was_never
    return _touched(session, actor, sequence)


def roll_back(session: Session, actor: Actor, sequence_id: UUID, number: int) -> dict[str, Any]:
    """An earlier text is in force again, as a new version. Raises NotFound, Invalid."""
    sequence = find_sequence(session, actor, sequence_id, lock=True)
    earlier = _version(session, sequence, number)
    _require_right(session, actor, earlier.definition)
    _write(session, actor, sequence, earlier.definition, is_draft=False)
    return _touched(session, actor, sequence)


def versions_of(session: Session, actor: Actor, sequence_id: UUID) -> list[dict[str, Any]]:
    """All texts of the sequence, the newest first; a draft before all others. Raises NotFound."""
    sequence = find_sequence(session, actor, sequence_id)
    texts = select(SequenceVersion).where(SequenceVersion.sequence_id == sequence.id)
    found = session.scalars(texts.order_by(SequenceVersion.number.desc().nulls_first()))
    return [version_shown(sequence, version) for version in found]


def compare(session: Session, actor: Actor, sequence_id: UUID, query: Mapping[str, Any]) -> dict[str, Any]:
    """What differs between two versions; unless they are named, the one in force and the draft. Raises NotFound."""
    sequence = find_sequence(session, actor, sequence_id)
    has_draft = session.scalars(draft_of(sequence)).one_or_none() is not None
    newest = None if has_draft else sequence.published
    before, after = (
        _version(session, sequence, number)
        for number in (query.get("before", sequence.published), query.get("after", newest))
    )
    return {
        "before": before.number,
        "after": after.number,
        "differences": list(differences(before.definition, after.definition)),
    }


def find_sequence(session: Session, actor: Actor, sequence_id: UUID, *, lock: bool = False) -> Sequence:
    """The clinic's sequence of that id. Raises NotFound."""
    there = (Sequence.id == sequence_id, Sequence.clinic_id == actor.clinic.id, Sequence.deleted_at.is_(None))
    wanted: Select[Sequence] = select(Sequence).where(*there)
    sequence = session.scalars(wanted.with_for_update() if lock else wanted).one_or_none()
    if sequence is None:
        raise NotFound
    return sequence


def _require_right(session: Session, actor: Actor, definition: Mapping[str, Any]) -> None:
    require_none(plain.check(definition) or check_sequence(definition, "", around(session, actor.clinic)))


def _changed(session: Session, sequence: Sequence, parts: Mapping[str, Any]) -> dict[str, Any]:
    """The draft, or else the text in force, with these parts replaced."""
    draft = session.scalars(draft_of(sequence)).one_or_none()
    text = {**((draft.definition if draft else sequence.definition) or {}), **parts}
    return {name: value for name, value in text.items() if value is not None}


def _write(session: Session, actor: Actor, sequence: Sequence, definition: dict[str, Any], *, is_draft: bool) -> None:
    _require_right(session, actor, definition)
    for draft in session.scalars(draft_of(sequence)):
        session.delete(draft)
    session.flush()
    number = None if is_draft else _next_number(session, sequence)
    session.add(_text(actor, sequence, definition, number=number))
    if number is not None:
        sequence.definition, sequence.published = definition, number


def _switch(session: Session, actor: Actor, sequence: Sequence, *, is_on: bool) -> None:
    if is_on and sequence.published is None:
        raise NothingToPublish("Publish the sequence before it is switched on.")
    if is_on and sequence.paused_because is not None:
        count_anew(session, Series(sequence.clinic_id, sequence.slug))
    sequence.active, sequence.paused_because = is_on, None
    if is_on:
        resume_held_up(session, actor.clinic, sequence.id, at=now())


def _touched(session: Session, actor: Actor, sequence: Sequence) -> dict[str, Any]:
    """Every process reads the sequences anew from the commit on."""
    sequence.updated_at, sequence.updated_by = now(), actor.user_id
    sequence.version += 1
    session.flush()
    count_up(session, actor.clinic.id)
    return shown(session, sequence)


def _text(actor: Actor, sequence: Sequence, definition: dict[str, Any], *, number: int | None) -> SequenceVersion:
    return SequenceVersion(
        id=new_id(),
        clinic_id=sequence.clinic_id,
        sequence_id=sequence.id,
        number=number,
        definition=definition,
        created_at=now(),
        created_by=actor.user_id,
    )


def _version(session: Session, sequence: Sequence, number: int | None) -> SequenceVersion:
    of_sequence = select(SequenceVersion).where(SequenceVersion.sequence_id == sequence.id)
    version = session.scalars(of_sequence.where(SequenceVersion.number.is_not_distinct_from(number))).one_or_none()
    if version is None:
        raise NotFound
    return version


def _next_number(session: Session, sequence: Sequence) -> int:
    newest = select(func.max(SequenceVersion.number)).where(SequenceVersion.sequence_id == sequence.id)
    return (session.scalar(newest) or 0) + 1


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError:
        raise SequenceNameTaken from None

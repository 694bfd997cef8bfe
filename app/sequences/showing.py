"""Sequences and their versions as they are shown."""

from collections.abc import Sequence as Rows
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.automation.sequence_models import Sequence, SequenceVersion


def draft_of(sequence: Sequence) -> Select[SequenceVersion]:
    """The query for the sequence's draft, of which there is one at most."""
    return select(SequenceVersion).where(SequenceVersion.sequence_id == sequence.id, SequenceVersion.number.is_(None))


def shown(session: Session, sequence: Sequence) -> dict[str, Any]:
    """One sequence as `SequenceOut` writes it."""
    return all_shown(session, [sequence])[0]


def all_shown(session: Session, sequences: Rows[Sequence]) -> list[dict[str, Any]]:
    """Sequences as `SequenceOut` writes them, in their order."""
    drafts = select(SequenceVersion).where(
        SequenceVersion.sequence_id.in_([sequence.id for sequence in sequences]), SequenceVersion.number.is_(None)
    )
    drafted = {draft.sequence_id: draft.definition for draft in session.scalars(drafts)} if sequences else {}
    return [_sequence_shown(sequence, drafted.get(sequence.id)) for sequence in sequences]


def _sequence_shown(sequence: Sequence, draft: dict[str, Any] | None) -> dict[str, Any]:
    text = sequence.definition or draft or {}
    return {
        "id": sequence.id,
        "name": sequence.slug,
        "description": text.get("description"),
        "playbook": sequence.playbook or None,
        "is_active": sequence.active,
        "paused_because": sequence.paused_because,
        "published_version": sequence.published,
        "definition": sequence.definition,
        "draft": draft,
        "created_at": sequence.created_at,
        "updated_at": sequence.updated_at or sequence.created_at,
        "updated_by": sequence.updated_by,
        "version": sequence.version,
    }


def version_shown(sequence: Sequence, version: SequenceVersion) -> dict[str, Any]:
    """One text of a sequence as `RuleVersionOut` writes it."""
    state = "draft" if version.number is None else "published" if version.number == sequence.published else "retired"
    return {
        "number": version.number,
        "state": state,
        "definition": version.definition,
        "created_at": version.created_at,
        "created_by": version.created_by,
    }

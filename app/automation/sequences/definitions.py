"""Sequence definitions: validation, versions and lookup."""

from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.automation.language.sequences import Sequence as SequenceDefinition
from app.automation.language.validation import mistakes_in
from app.automation.rules.definitions import known_names_of, raise_mistakes
from app.automation.sequences.errors import NothingToPublish, SequenceNameTaken
from app.automation.versioned_definitions import VersionedDefinitions
from app.core.type_aliases import JsonObject
from app.engine.sequences.models import SequenceRow, SequenceVersion
from app.identity.actor import Actor
from app.identity.clinic_context import ClinicContext


def require_valid_sequence(session: Session, clinic: ClinicContext, definition: JsonObject) -> None:
    """Validate a sequence definition. Raises Invalid, with a pointer and an explanation for each error."""
    raise_mistakes(mistakes_in(SequenceDefinition, definition, known_names_of(session, clinic)))


SEQUENCES: Final = VersionedDefinitions(
    "sequence", SequenceRow, SequenceVersion, "sequence_id", require_valid_sequence, SequenceNameTaken, NothingToPublish
)


def find_sequence(session: Session, actor: Actor, sequence_id: UUID, *, lock: bool = False) -> SequenceRow:
    """Return the clinic's sequence with this id. Raises NotFound."""
    return SEQUENCES.find(session, actor, sequence_id, lock=lock)

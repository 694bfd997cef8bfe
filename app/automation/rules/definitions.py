"""The names that definitions of a clinic may refer to, and the mistakes of a rule as API errors."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.automation.language.known_names import KnownNames
from app.automation.language.playbooks import FIELD_TYPES
from app.automation.language.rules import Rule
from app.automation.language.validation import mistakes_in
from app.automation.language.vocabulary import Field
from app.core.validation.validation_errors import Mistake
from app.engine.sequences.models import SequenceRow
from app.errors import FieldError, Invalid
from app.identity.clinic_context import ClinicContext
from app.leads.custom_fields.models import FieldType
from app.leads.custom_fields.values import Definition, definitions_of
from app.leads.pipeline.models import PipelineStage
from app.messaging.models import MessageTemplate


def require_right(session: Session, clinic: ClinicContext, definition: Mapping[str, Any]) -> None:
    """Refuse a rule with mistakes.

    Raises:
        Invalid: with a pointer to each mistake, and what would be right.
    """
    require_none(mistakes_in(Rule, definition, names_in(session, clinic)))


def require_none(mistakes: Collection[Mistake]) -> None:
    """Refuse a definition with mistakes.

    Raises:
        Invalid: with a pointer to each mistake.
    """
    if mistakes:
        raise Invalid(*(FieldError(mistake.pointer, mistake.problem) for mistake in mistakes))


def names_in(session: Session, clinic: ClinicContext) -> KnownNames:
    """Return the names that definitions of this clinic may refer to."""
    templates = select(MessageTemplate.slug).where(MessageTemplate.clinic_id == clinic.id)
    stages = select(PipelineStage.slug).where(PipelineStage.clinic_id == clinic.id, PipelineStage.archived_at.is_(None))
    sequences = select(SequenceRow.slug).where(SequenceRow.clinic_id == clinic.id, SequenceRow.deleted_at.is_(None))
    fields = {key: _field(definition) for key, definition in definitions_of(session, clinic).items()}
    slugs, stage_slugs, names = (frozenset(session.scalars(found)) for found in (templates, stages, sequences))
    return KnownNames(slugs, fields, stage_slugs, names)


def _field(definition: Definition) -> Field:
    values = frozenset(definition.options) if definition.type == FieldType.CHOICE else frozenset[str]()
    return Field(FIELD_TYPES[definition.type], "A field of the clinic's own.", values)

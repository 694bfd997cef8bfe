"""What a rule may refer to in its clinic, and what is wrong with one that somebody wrote."""

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.automation.language import plain_data
from app.automation.language.check_actions import Around
from app.automation.language.check_playbook import first_of_each_place
from app.automation.language.check_rule import check_rule
from app.core.validation.json_pointer import pointer
from app.core.validation.mistakes import Mistake
from app.engine.rules.vocabulary import Field, Type
from app.engine.sequences.models import Sequence
from app.errors import FieldError, Invalid
from app.identity.clinic_context import ClinicContext
from app.leads.custom_fields.models import FieldType
from app.leads.custom_fields.values import Definition, definitions_of
from app.leads.pipeline.models import PipelineStage
from app.messaging.models import MessageTemplate

TYPES: Final[Mapping[str, Type]] = {
    FieldType.TEXT: Type.TEXT,
    FieldType.NUMBER: Type.NUMBER,
    FieldType.BOOLEAN: Type.TRUTH,
    FieldType.DATE: Type.DATE,
    FieldType.CHOICE: Type.TEXT,
}
_PART: Final = re.compile(r"[^.\[\]]+")


def require_right(session: Session, clinic: ClinicContext, definition: Mapping[str, Any]) -> None:
    """Raises Invalid with a pointer to each mistake of the rule, and what would be right."""
    require_none(plain_data.check(definition) or check_rule(definition, "", around(session, clinic)))


def require_none(mistakes: Collection[Mistake]) -> None:
    """Raises Invalid with a pointer to each mistake: the first of each place."""
    if mistakes:
        raise Invalid(*(FieldError(as_pointer(mistake), mistake.problem) for mistake in first_of_each_place(mistakes)))


def around(session: Session, clinic: ClinicContext) -> Around:
    """What rules of this clinic may name."""
    templates = select(MessageTemplate.slug).where(MessageTemplate.clinic_id == clinic.id)
    stages = select(PipelineStage.slug).where(PipelineStage.clinic_id == clinic.id, PipelineStage.archived_at.is_(None))
    own = {key: _field(definition) for key, definition in definitions_of(session, clinic).items()}
    sequences = select(Sequence.slug).where(Sequence.clinic_id == clinic.id, Sequence.deleted_at.is_(None))
    slugs, stage_slugs, names = (frozenset(session.scalars(found)) for found in (templates, stages, sequences))
    return Around(slugs, own, stage_slugs, names)


def as_pointer(mistake: Mistake) -> str:
    """`do[0].create_task.type` as a JSON pointer."""
    return pointer(*_PART.findall(mistake.place))


def _field(definition: Definition) -> Field:
    values = frozenset(definition.options) if definition.type == FieldType.CHOICE else frozenset[str]()
    return Field(TYPES[definition.type], "A field of the clinic's own.", values)

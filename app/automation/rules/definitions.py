"""Rule definitions: validation, and the names that definitions of a clinic may use."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.automation.language.known_names import KnownNames
from app.automation.language.playbooks import FIELD_TYPES
from app.automation.language.rules import Rule
from app.automation.language.validation import mistakes_in
from app.automation.language.vocabulary import Field, Refers
from app.core.type_aliases import JsonObject
from app.core.validation.validation_errors import Mistake
from app.engine.sequences.models import SequenceRow
from app.errors import FieldError, Invalid
from app.identity.clinic_context import ClinicContext
from app.identity.models import User
from app.identity.users.lookup import assignable_user_ids
from app.leads.attribution.models import LeadSource
from app.leads.custom_fields.models import FieldType
from app.leads.custom_fields.values import Definition, definitions_of
from app.leads.pipeline.models import PipelineStage
from app.messaging.models import MessageTemplate
from app.tasks.templates.models import TaskTemplate


def require_valid_rule(session: Session, clinic: ClinicContext, definition: JsonObject) -> None:
    """Validate a rule definition. Raises Invalid, with a pointer and an explanation for each error."""
    raise_mistakes(mistakes_in(Rule, definition, known_names_of(session, clinic)))


def raise_mistakes(mistakes: Collection[Mistake]) -> None:
    """Raise the validation errors, if there are any. Raises Invalid, with a pointer for each error."""
    if mistakes:
        raise Invalid(*(FieldError(mistake.pointer, mistake.problem) for mistake in mistakes))


def known_names_of(session: Session, clinic: ClinicContext) -> KnownNames:
    """Return the names and ids of the clinic's records that its definitions may use."""
    templates = select(MessageTemplate.slug).where(MessageTemplate.clinic_id == clinic.id)
    stages = select(PipelineStage.slug).where(PipelineStage.clinic_id == clinic.id, PipelineStage.archived_at.is_(None))
    sequences = select(SequenceRow.slug).where(SequenceRow.clinic_id == clinic.id, SequenceRow.deleted_at.is_(None))
    tasks = select(TaskTemplate.name).where(TaskTemplate.clinic_id == clinic.id)
    return KnownNames(
        templates=frozenset(session.scalars(templates)),
        fields={key: _field(definition) for key, definition in definitions_of(session, clinic).items()},
        stages=frozenset(session.scalars(stages)),
        sequences=frozenset(session.scalars(sequences)),
        users=assignable_user_ids(session, clinic.id),
        ids=_ids(session, clinic),
        task_templates=frozenset(session.scalars(tasks)),
    )


def _ids(session: Session, clinic: ClinicContext) -> dict[Refers, frozenset[str]]:
    """Return the ids of all users and sources of the clinic; leads may still have those that are no longer active."""
    users = select(User.id).where(User.clinic_id == clinic.id)
    sources = select(LeadSource.id).where(LeadSource.clinic_id == clinic.id)
    found = {Refers.USER: users, Refers.SOURCE: sources}
    return {one: frozenset(map(str, session.scalars(ids))) for one, ids in found.items()}


def _field(definition: Definition) -> Field:
    values = frozenset(definition.options) if definition.type == FieldType.CHOICE else frozenset[str]()
    return Field(FIELD_TYPES[definition.type], "A field of the clinic's own.", values)

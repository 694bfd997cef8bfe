"""Installation of playbooks. Existing parts of the clinic stay unchanged."""

from collections.abc import Collection, Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.automation.language.playbooks import PlaybookField, PlaybookStage, PlaybookTaskTemplate
from app.automation.nurtures.definitions import install_nurtures
from app.automation.nurtures.models import Nurture
from app.automation.playbooks import shipped
from app.automation.playbooks.shipped import Playbook
from app.clock import now
from app.core.db import AnySelect
from app.core.type_aliases import JsonDict
from app.engine.rules.models import RuleRow
from app.engine.sequences.models import SequenceRow
from app.identity.clinics import bump_rules_version
from app.leads.custom_fields.models import CustomField
from app.leads.custom_fields.service import create_field
from app.leads.pipeline.models import PipelineStage
from app.leads.pipeline.service import create_stage
from app.messaging.models import MessageTemplate
from app.messaging.templates import library
from app.tasks.templates.models import TaskTemplate
from app.tasks.templates.service import add_templates

Names = Mapping[str, list[str]]  # names by kind of part, such as stages, templates and rules


def install(session: Session, clinic_id: UUID, playbook: Playbook, *, is_active: bool = True) -> Names:
    """Add the missing parts of a playbook to the clinic, in the order in which they refer to each other.

    Returns the names of the added parts. With `is_active` false, new rules, sequences and nurtures are inactive.
    Raises InvalidPlaybook (when templates have mistakes), Invalid or Conflict (when another part cannot be created).
    """
    missing, at = missing_parts(session, clinic_id, playbook), now()
    library.install(session, clinic_id, playbook.templates)
    added = {
        "stages": _stages(session, clinic_id, playbook, missing["stages"]),
        "fields": _fields(session, clinic_id, playbook, missing["fields"]),
        "templates": missing["templates"],
        "task_templates": _task_templates(session, clinic_id, playbook, missing["task_templates"]),
        "sequences": shipped.install_sequences(session, clinic_id, playbook, at=at, is_active=is_active),
        "nurtures": install_nurtures(session, clinic_id, playbook.name, playbook.nurtures, is_active=is_active),
        "rules": shipped.install(session, clinic_id, playbook, at=at, is_active=is_active),
    }
    bump_rules_version(session, clinic_id)
    return added


def missing_parts(session: Session, clinic_id: UUID, playbook: Playbook) -> Names:
    """Return the names of the parts that the clinic does not have."""
    there = {kind: set(session.scalars(names.where(owner == clinic_id))) for kind, (names, owner) in _EXISTING.items()}
    named = {
        "stages": [stage["slug"] for stage in playbook.stages],
        "fields": [field["key"] for field in playbook.fields],
        "templates": list(playbook.templates),
        "task_templates": [template["name"].strip() for template in playbook.task_templates],
        "sequences": [sequence["name"] for sequence in playbook.sequences],
        "nurtures": [nurture["name"] for nurture in playbook.nurtures],
        "rules": [rule["name"] for rule in playbook.rules],
    }
    return {kind: [name for name in names if name not in there[kind]] for kind, names in named.items()}


_EXISTING: Final[Mapping[str, tuple[AnySelect, Any]]] = {
    "stages": (select(PipelineStage.slug), PipelineStage.clinic_id),
    "fields": (select(CustomField.key), CustomField.clinic_id),
    "templates": (select(MessageTemplate.slug), MessageTemplate.clinic_id),
    "task_templates": (select(TaskTemplate.name), TaskTemplate.clinic_id),
    "sequences": (select(SequenceRow.slug).where(SequenceRow.deleted_at.is_(None)), SequenceRow.clinic_id),
    "nurtures": (select(Nurture.name), Nurture.clinic_id),
    "rules": (select(RuleRow.slug).where(RuleRow.deleted_at.is_(None)), RuleRow.clinic_id),
}


def _stages(session: Session, clinic_id: UUID, playbook: Playbook, missing: Collection[str]) -> list[str]:
    stages = [PlaybookStage.model_validate(stage).model_dump(mode="json") for stage in playbook.stages]
    new = [stage | {"is_default": False} for stage in stages if stage["slug"] in missing]
    return [create_stage(session, clinic_id, stage).slug for stage in new]


def _fields(session: Session, clinic_id: UUID, playbook: Playbook, missing: Collection[str]) -> list[str]:
    fields = [PlaybookField.model_validate(field).model_dump(mode="json") for field in playbook.fields]
    new = [field | {"required": False, "archived": False} for field in fields if field["key"] in missing]
    return [create_field(session, clinic_id, field).key for field in new]


def _task_templates(session: Session, clinic_id: UUID, playbook: Playbook, missing: Collection[str]) -> list[str]:
    given = [PlaybookTaskTemplate.model_validate(template) for template in playbook.task_templates]
    new = [one.model_dump(mode="json") for one in given if one.name in missing]
    add_templates(session, clinic_id, new)
    return [one["name"] for one in new]


def as_document(playbook: Playbook) -> JsonDict:
    """Return a playbook as the document from which it is read. Empty parts are omitted."""
    parts = {
        "name": playbook.name,
        "title": playbook.title,
        "description": playbook.description,
        "stages": list(playbook.stages),
        "fields": list(playbook.fields),
        "rules": list(playbook.rules),
        "sequences": list(playbook.sequences),
        "nurtures": list(playbook.nurtures),
        "templates": dict(playbook.templates),
        "task_templates": list(playbook.task_templates),
    }
    return {key: part for key, part in parts.items() if part or key in {"name", "rules"}}

"""Installation of playbooks. Existing parts of the clinic stay unchanged."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.automation.gateway_warnings import gateway_warnings, load_choices
from app.automation.language.playbooks import PlaybookField, PlaybookStage
from app.automation.nurtures.definitions import install_nurtures
from app.automation.playbooks import shipped
from app.automation.playbooks.shipped import Playbook
from app.clock import now
from app.core.type_aliases import JsonDict
from app.identity.clinics import bump_rules_version
from app.leads.custom_fields.models import CustomField
from app.leads.custom_fields.service import create_field
from app.leads.pipeline.models import PipelineStage
from app.leads.pipeline.service import create_stage
from app.messaging.models import MessageTemplate
from app.messaging.templates import library

Added = Mapping[str, list[str] | list[JsonDict]]


def install(session: Session, clinic_id: UUID, playbook: Playbook) -> Added:
    """Add the missing parts of a playbook to the clinic, in the order in which they refer to each other.

    Returns the names of the added parts, by kind of part (stages, fields, templates, sequences, nurtures, rules), and
    `warnings` about rules and sequences without a gateway.
    Raises InvalidPlaybook (when templates have mistakes), Invalid or Conflict (when another part cannot be created).
    """
    added = {
        "stages": _stages(session, clinic_id, playbook),
        "fields": _fields(session, clinic_id, playbook),
        "templates": _templates(session, clinic_id, playbook),
        "sequences": shipped.install_sequences(session, clinic_id, playbook, at=now()),
        "nurtures": install_nurtures(session, clinic_id, playbook.name, playbook.nurtures),
        "rules": shipped.install(session, clinic_id, playbook, at=now()),
    }
    bump_rules_version(session, clinic_id)
    return {**added, "warnings": gateway_warnings(load_choices(session, clinic_id), as_document(playbook))}


def _stages(session: Session, clinic_id: UUID, playbook: Playbook) -> list[str]:
    known = set(session.scalars(select(PipelineStage.slug).where(PipelineStage.clinic_id == clinic_id)))
    stages = [PlaybookStage.model_validate(stage).model_dump(mode="json") for stage in playbook.stages]
    missing = [stage | {"is_default": False} for stage in stages if stage["slug"] not in known]
    return [create_stage(session, clinic_id, stage).slug for stage in missing]


def _fields(session: Session, clinic_id: UUID, playbook: Playbook) -> list[str]:
    known = set(session.scalars(select(CustomField.key).where(CustomField.clinic_id == clinic_id)))
    fields = [PlaybookField.model_validate(field).model_dump(mode="json") for field in playbook.fields]
    missing = [field | {"required": False, "archived": False} for field in fields if field["key"] not in known]
    return [create_field(session, clinic_id, field).key for field in missing]


def _templates(session: Session, clinic_id: UUID, playbook: Playbook) -> list[str]:
    known = set(session.scalars(select(MessageTemplate.slug).where(MessageTemplate.clinic_id == clinic_id)))
    library.install(session, clinic_id, playbook.templates)
    return [slug for slug in playbook.templates if slug not in known]


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
    }
    return {key: part for key, part in parts.items() if part or key in {"name", "rules"}}

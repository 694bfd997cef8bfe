"""Playbooks that ship, and a clinic's own as one. Every function takes the session first."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import yaml
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.automation.nurtures.definitions import nurtures_as_written
from app.automation.playbooks import shipped as playbooks
from app.automation.playbooks.installing import Added, as_document, install
from app.automation.playbooks.shipped import Playbook
from app.automation.rules.definitions import names_in
from app.core.validation.validation_errors import InvalidPlaybook
from app.engine.rules.models import RuleRow
from app.engine.sequences.models import SequenceRow
from app.errors import FieldError, Invalid, NotFound
from app.identity.actor import Actor
from app.leads.custom_fields.models import CustomField
from app.leads.pipeline.defaults import default_stages
from app.leads.pipeline.models import PipelineStage
from app.messaging.templates.library import export_templates

# The order in which a rule reads like a sentence: the database keeps no order of its own.
_RULE: Final = (  # and a sequence
    *("name", "description", "priority", "on", "when", "after", "before", "before_due", "every", "only_if", "unless"),
    *("skip_when_later_than", "stop_on", "do"),
    *("label", "exclusive", "re_entry", "enroll", "exit_on", "exit_on_colleague", "goal", "steps"),
)


def list_playbooks(session: Session, actor: Actor) -> list[dict[str, Any]]:
    """Those that ship, with how many of their rules the clinic has."""
    counted = select(RuleRow.playbook, func.count()).where(
        RuleRow.clinic_id == actor.clinic.id, RuleRow.deleted_at.is_(None)
    )
    installed = dict(session.execute(counted.group_by(RuleRow.playbook)).all())
    return [_shown(playbooks.load(name), installed.get(name, 0)) for name in playbooks.names()]


def get_playbook(session: Session, actor: Actor, name: str) -> dict[str, Any]:
    """One that ships, as it is written. Raises NotFound."""
    playbook = _shipped(name)
    [listed] = [one for one in list_playbooks(session, actor) if one["name"] == playbook.name]
    return {**listed, "yaml": write(as_document(playbook))}


def install_playbook(session: Session, actor: Actor, name: str) -> Added:
    """Add what the clinic lacks of a playbook that ships. Raises NotFound, Conflict."""
    return install(session, actor.clinic.id, _shipped(name))


def import_playbook(session: Session, actor: Actor, text: str) -> Added:
    """Add what the clinic lacks of a playbook that somebody wrote. Raises Invalid with the path of every mistake."""
    try:
        return install(session, actor.clinic.id, playbooks.read(text, names_in(session, actor.clinic)))
    except InvalidPlaybook as refused:
        raise Invalid(*(FieldError("/yaml", str(mistake)) for mistake in refused.mistakes)) from None


def export_playbook(session: Session, actor: Actor, name: str) -> str:
    """The clinic's published rules and sequences, nurtures and templates, with its own stages and fields, as YAML."""
    clinic_id = actor.clinic.id
    return write(
        {
            "name": name,
            "stages": _own_stages(session, clinic_id),
            "fields": _own_fields(session, clinic_id),
            "rules": _published(session, RuleRow, clinic_id),
            "sequences": _published(session, SequenceRow, clinic_id),
            "nurtures": nurtures_as_written(session, clinic_id),
            "templates": export_templates(session, clinic_id),
        }
    )


def _published(session: Session, model: type[RuleRow | SequenceRow], clinic_id: UUID) -> list[dict[str, Any]]:
    """The texts in force, of rules or of sequences."""
    there = (model.clinic_id == clinic_id, model.deleted_at.is_(None), model.definition.is_not(None))
    texts = session.scalars(select(model.definition).where(*there).order_by(model.slug))
    return [_in_order(text) for text in texts if text]


def write(document: Mapping[str, Any]) -> str:
    """A playbook as YAML that `playbooks.read` reads; empty parts are left out."""
    said = {key: part for key, part in document.items() if part or key in {"name", "rules"}}
    return yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=120)


def _shipped(name: str) -> Playbook:
    if name not in playbooks.names():
        raise NotFound
    return playbooks.load(name)


def _shown(playbook: Playbook, installed: int) -> dict[str, Any]:
    return {
        "name": playbook.name,
        "title": playbook.title,
        "description": playbook.description or None,
        "rules": [rule["name"] for rule in playbook.rules],
        "sequences": [sequence["name"] for sequence in playbook.sequences],
        "nurtures": [nurture["name"] for nurture in playbook.nurtures],
        "templates": list(playbook.templates),
        "installed_rules": installed,
    }


def _own_stages(session: Session, clinic_id: UUID) -> list[dict[str, Any]]:
    shipped = {stage.slug for stage in default_stages()}
    names = ("slug", "name", "description", "color", "max_days_in_stage")
    stages = select(PipelineStage).where(
        PipelineStage.clinic_id == clinic_id, PipelineStage.archived_at.is_(None), PipelineStage.slug.not_in(shipped)
    )
    return [_said(stage, names) for stage in session.scalars(stages.order_by(PipelineStage.position))]


def _own_fields(session: Session, clinic_id: UUID) -> list[dict[str, Any]]:
    of_clinic = select(CustomField).where(CustomField.clinic_id == clinic_id, ~CustomField.archived)
    found = session.scalars(of_clinic.order_by(CustomField.key))
    return [_said(field, ("key", "label", "type", "options")) for field in found]


def _said(row: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(row, name)) not in (None, [])}


def _in_order(definition: Mapping[str, Any]) -> dict[str, Any]:
    return {key: definition[key] for key in _RULE if key in definition}

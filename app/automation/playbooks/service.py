"""Playbook service: list, read, install, import and export."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

import yaml
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.automation.nurtures.definitions import export_nurtures
from app.automation.playbooks import shipped as playbooks
from app.automation.playbooks.installing import as_document, install, missing_parts
from app.automation.playbooks.overlaps import overlaps
from app.automation.playbooks.shipped import Playbook
from app.automation.rules.definitions import known_names_of
from app.automation.setup_warnings import load_warnings
from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation.validation_errors import InvalidPlaybook
from app.engine.rules.models import RuleRow
from app.engine.sequences.models import SequenceRow
from app.errors import FieldError, Invalid, NotFound
from app.identity.actor import Actor
from app.leads.custom_fields.models import CustomField
from app.leads.pipeline.defaults import default_stages
from app.leads.pipeline.models import PipelineStage
from app.messaging.templates.library import export_templates
from app.tasks.templates.models import TaskTemplate

# The order of a rule's parts in YAML. The database does not keep one.
_PART_ORDER: Final = (  # of rules and sequences
    *("name", "description", "priority", "on", "when", "after", "before", "before_due", "every", "only_if", "unless"),
    *("skip_when_later_than", "stop_on", "do"),
    *("label", "exclusive", "re_entry", "enroll", "exit_on", "exit_on_colleague", "goal", "key", "steps"),
)


def list_playbooks(session: Session, actor: Actor) -> list[JsonDict]:
    """Return the shipped playbooks, each with the number of its rules that the clinic has."""
    counted = select(RuleRow.playbook, func.count()).where(
        RuleRow.clinic_id == actor.clinic.id, RuleRow.deleted_at.is_(None)
    )
    installed = dict(session.execute(counted.group_by(RuleRow.playbook)).all())
    return [_to_response(playbooks.load(name), installed.get(name, 0)) for name in playbooks.names()]


def get_playbook(session: Session, actor: Actor, name: str) -> JsonDict:
    """Return a shipped playbook with its YAML. Raises NotFound."""
    playbook = _shipped(name)
    [listed] = [one for one in list_playbooks(session, actor) if one["name"] == playbook.name]
    return {**listed, "yaml": write(as_document(playbook))}


def install_playbook(session: Session, actor: Actor, name: str, how: JsonObject) -> JsonDict:
    """Add the missing parts of a shipped playbook to the clinic. `how`: the fields of InstallIn.

    Returns the names of the parts, overlaps and warnings, as AddedOut. A dry run writes nothing.
    Raises NotFound, Conflict.
    """
    return _add_missing(session, actor, _shipped(name), how)


def import_playbook(session: Session, actor: Actor, data: JsonObject) -> JsonDict:
    """Add the missing parts of a playbook in YAML to the clinic, like `install_playbook`.

    Raises Invalid (with the path of every mistake), Conflict.
    """
    with _mistakes_as_errors():
        playbook = playbooks.read(data["yaml"], known_names_of(session, actor.clinic))
        return _add_missing(session, actor, playbook, data)


def check_import(session: Session, actor: Actor, data: JsonObject, /, **_: object) -> None:
    """Check a playbook in YAML. Raises Invalid with every error."""
    with _mistakes_as_errors():
        playbooks.read(data["yaml"], known_names_of(session, actor.clinic))


@contextmanager
def _mistakes_as_errors() -> Iterator[None]:
    """Report the mistakes of a playbook at `/yaml`. Raises Invalid."""
    try:
        yield
    except InvalidPlaybook as refused:
        raise Invalid(*(FieldError("/yaml", str(mistake)) for mistake in refused.mistakes)) from None


def _add_missing(session: Session, actor: Actor, playbook: Playbook, how: JsonObject) -> JsonDict:
    missing = missing_parts(session, actor.clinic.id, playbook)
    new_rules = [rule for rule in playbook.rules if rule["name"] in missing["rules"]]
    hints = {
        "overlaps": overlaps(session, actor.clinic.id, new_rules),
        "warnings": load_warnings(session, actor.clinic.id)(as_document(playbook)),
    }
    if how["dry_run"]:
        return {**missing, **hints}
    return {**install(session, actor.clinic.id, playbook, is_active=how["is_active"]), **hints}


def export_playbook(session: Session, actor: Actor, name: str) -> str:
    """Return the clinic's published rules and sequences, nurtures, templates, own stages and fields as YAML."""
    clinic_id = actor.clinic.id
    return write(
        {
            "name": name,
            "stages": _own_stages(session, clinic_id),
            "fields": _own_fields(session, clinic_id),
            "rules": _published(session, RuleRow, clinic_id),
            "sequences": _published(session, SequenceRow, clinic_id),
            "nurtures": export_nurtures(session, clinic_id),
            "templates": export_templates(session, clinic_id),
            "task_templates": _task_templates(session, clinic_id),
        }
    )


def _published(session: Session, model: type[RuleRow | SequenceRow], clinic_id: UUID) -> list[JsonDict]:
    """Return the published definitions of rules or sequences."""
    there = (model.clinic_id == clinic_id, model.deleted_at.is_(None), model.definition.is_not(None))
    texts = session.scalars(select(model.definition).where(*there).order_by(model.slug))
    return [_in_order(text) for text in texts if text]


def write(document: JsonObject) -> str:
    """Return a playbook as YAML for `playbooks.read`. Empty parts are omitted."""
    given = {key: part for key, part in document.items() if part or key in {"name", "rules"}}
    return yaml.safe_dump(given, sort_keys=False, allow_unicode=True, width=120)


def _shipped(name: str) -> Playbook:
    if name not in playbooks.names():
        raise NotFound
    return playbooks.load(name)


def _to_response(playbook: Playbook, installed: int) -> JsonDict:
    return {
        "name": playbook.name,
        "title": playbook.title,
        "description": playbook.description or None,
        "rules": [rule["name"] for rule in playbook.rules],
        "sequences": [sequence["name"] for sequence in playbook.sequences],
        "nurtures": [nurture["name"] for nurture in playbook.nurtures],
        "templates": list(playbook.templates),
        "task_templates": [template["name"] for template in playbook.task_templates],
        "installed_rules": installed,
    }


def _own_stages(session: Session, clinic_id: UUID) -> list[JsonDict]:
    shipped = {stage.slug for stage in default_stages()}
    names = ("slug", "name", "description", "color", "max_days_in_stage")
    stages = select(PipelineStage).where(
        PipelineStage.clinic_id == clinic_id, PipelineStage.archived_at.is_(None), PipelineStage.slug.not_in(shipped)
    )
    return [_values(stage, names) for stage in session.scalars(stages.order_by(PipelineStage.position))]


def _own_fields(session: Session, clinic_id: UUID) -> list[JsonDict]:
    of_clinic = select(CustomField).where(CustomField.clinic_id == clinic_id, ~CustomField.archived)
    found = session.scalars(of_clinic.order_by(CustomField.key))
    return [_values(field, ("key", "label", "type", "options")) for field in found]


def _task_templates(session: Session, clinic_id: UUID) -> list[JsonDict]:
    """Return the clinic's task templates. Nobody enters an archived stage: it is left out."""
    stages = select(PipelineStage.slug).where(PipelineStage.clinic_id == clinic_id, PipelineStage.archived_at.is_(None))
    open_stages = {None, *session.scalars(stages)}
    names = ("name", "title", "description", "type", "priority", "due_in", "business_time", "tags", "stage")
    found = session.scalars(select(TaskTemplate).where(TaskTemplate.clinic_id == clinic_id).order_by(TaskTemplate.name))
    return [_values(one, names if one.stage in open_stages else names[:-1]) for one in found]


def _values(row: Any, names: tuple[str, ...]) -> JsonDict:
    return {name: value for name in names if (value := getattr(row, name)) not in (None, [])}


def _in_order(definition: JsonObject) -> JsonDict:
    return {key: definition[key] for key in _PART_ORDER if key in definition}

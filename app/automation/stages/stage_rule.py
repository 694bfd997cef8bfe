"""The rule of a stage: its settings `auto_task_template` and `auto_email_template` (lead-management.md, PipelineStage).

The settings are no mechanism of their own. They are stored as an ordinary rule, which users find, simulate, edit and
switch off among the others. A rule that was edited by hand is no longer shown as settings of the stage.
"""

from collections.abc import Collection, Iterable, Mapping
from hashlib import sha256
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.automation.rules import service as rules
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.rules.models import RuleRow
from app.errors import Conflict, FieldError, Invalid
from app.identity.actor import Actor
from app.identity.permissions import Permission
from app.leads.pipeline.models import PipelineStage
from app.messaging.models import MessageTemplate
from app.tasks.templates.models import TaskTemplate


class StageActions(NamedTuple):
    """The name of the task template, and the slug of the message template, of leads that enter a stage."""

    auto_task_template: str | None = None
    auto_email_template: str | None = None


NO_ACTIONS: Final = StageActions()
_TEMPLATES: Final[Mapping[str, tuple[Any, Any, str]]] = {
    "auto_task_template": (TaskTemplate, TaskTemplate.name, "Must be a task template of your clinic."),
    "auto_email_template": (MessageTemplate, MessageTemplate.slug, "Must be a message template of your clinic."),
}
_TERMINAL: Final = "Leads in a final stage are over. Use a rule for converted or lost leads."
_TWICE: Final = "The task template names this stage itself: its task would be there twice."


class StageRuleHasDraft(Conflict):
    """Without templates the stage's rule would be deleted, and its draft with it."""


def rule_name(stage_slug: str) -> str:
    """Return the name of the stage's rule. Names of rules have no two hyphens in a row, and none at the end."""
    words = [word for word in stage_slug.split("_") if word]
    if "_".join(words) != stage_slug:
        words.append(sha256(stage_slug.encode()).hexdigest()[:8])  # else `a__b` and `a_b` would share a rule
    return "-".join(["stage", *words])


def definition_for(stage_slug: str, actions: StageActions) -> JsonDict:
    """Return the rule that carries out these actions."""
    task, email = actions
    return {
        "name": rule_name(stage_slug),
        "on": "lead.stage_entered",
        "when": [{"field": "event.stage", "equals": stage_slug}],
        "only_if": [{"field": "lead.pipeline_stage", "equals": stage_slug}],
        "do": [
            *([{"create_task": {"task_template": task}}] if task else []),
            *([{"send_message": {"channel": "email", "template": email}}] if email else []),
        ],
    }


def actions_in(definition: JsonObject, stage_slug: str) -> StageActions | None:
    """Return the actions of the stage's rule; None if it was edited by hand."""
    settings = {kind: value for action in definition["do"] for kind, value in action.items()}
    task, email = (settings.get(kind, {}).get(name) for kind, name in _PARTS)
    actions = StageActions(task, email)
    return actions if definition == definition_for(stage_slug, actions) else None


_PARTS: Final = (("create_task", "task_template"), ("send_message", "template"))


def ids_by_stage(
    session: Session, clinic_id: UUID, stages: Iterable[PipelineStage], rules_: Iterable[RuleRow]
) -> dict[str, dict[str, UUID | None]]:
    """Return the ids of the templates that the settings of the stages name, by slug of the stage.

    `rules_`: all rules of the clinic. The settings of a rule that is switched off are shown too.
    """
    by_name = {rule.slug: rule.definition for rule in rules_}
    actions = {stage.slug: NO_ACTIONS for stage in stages}
    for slug in actions:
        if definition := by_name.get(rule_name(slug)):
            actions[slug] = actions_in(definition, slug) or NO_ACTIONS
    ids = {
        field: _ids(session, clinic_id, field, {getattr(one, field) for one in actions.values()} - {None})
        for field in _TEMPLATES
    }
    return {slug: {field: ids[field].get(getattr(one, field)) for field in _TEMPLATES} for slug, one in actions.items()}


def _ids(session: Session, clinic_id: UUID, field: str, names: Collection[str]) -> dict[str | None, UUID]:
    if not names:
        return {}
    model, name, _ = _TEMPLATES[field]
    found = select(name, model.id).where(model.clinic_id == clinic_id, name.in_(names))
    return {row[0]: row[1] for row in session.execute(found)}


def check_settings(session: Session, actor: Actor, data: JsonObject, *, stage: PipelineStage | None = None) -> None:
    """Check the templates that the settings name. Raises Invalid with every mistake."""
    _wanted(session, actor, data, stage)


def set_actions(session: Session, actor: Actor, stage: PipelineStage, data: JsonObject) -> None:
    """Create, change or delete the stage's rule, if `data` has other settings. The caller has locked the stages.

    A draft stays as it is, and a rule that is switched off stays off.
    Raises Invalid, Forbidden (without the permission to change rules), StageRuleHasDraft.
    """
    rule = session.scalars(_rule_of(actor, stage)).one_or_none()
    shown = ids_by_stage(session, actor.clinic.id, [stage], [rule] if rule else [])[stage.slug]
    changed = {field: value for field, value in data.items() if field not in shown or value != shown[field]}
    given = _wanted(session, actor, changed, stage)
    known = _known(rule, stage.slug)
    wanted = (known or NO_ACTIONS)._replace(**given)
    if wanted == (known or NO_ACTIONS):
        return
    actor.require(Permission.AUTOMATION_MANAGE)
    if known is None:
        edited = f"The rule “{rule_name(stage.slug)}” of this stage was edited. Change it there."
        raise Invalid(*(FieldError(f"/{field}", edited) for field, value in given.items() if value is not None))
    definition = definition_for(stage.slug, wanted)
    if rule is None:
        rules.create_rule(session, actor, {**definition, "is_active": True, "is_draft": False})
    elif wanted != NO_ACTIONS:
        rules.replace_published(session, actor, rule.id, definition)
    elif rules.RULES.draft(session, rule) is not None:
        raise StageRuleHasDraft(
            f"{StageRuleHasDraft.__doc__} Publish the draft of “{rule.slug}”, or delete the rule itself."
        )
    else:
        rules.delete_rule(session, actor, rule.id, seen=None)


def _known(rule: RuleRow | None, stage_slug: str) -> StageActions | None:
    """Return the actions of the published version; None if the rule was edited by hand, or is only a draft."""
    if rule is None:
        return NO_ACTIONS
    return actions_in(rule.definition, stage_slug) if rule.definition else None


def _rule_of(actor: Actor, stage: PipelineStage) -> Any:
    return rules.RULES.of_clinic(actor.clinic.id).where(RuleRow.slug == rule_name(stage.slug))


def _wanted(session: Session, actor: Actor, data: JsonObject, stage: PipelineStage | None) -> dict[str, str | None]:
    """Return the names of the templates whose ids are given. Raises Invalid with every mistake."""
    wanted: dict[str, str | None] = {}
    mistakes: list[FieldError] = []
    for field, (model, name, mistake) in _TEMPLATES.items():
        if field not in data:
            continue
        id_ = data[field]
        found = select(name).where(model.id == id_, model.clinic_id == actor.clinic.id)
        wanted[field] = session.scalar(found) if id_ is not None else None
        if id_ is not None and wanted[field] is None:
            mistakes.append(FieldError(f"/{field}", mistake))
        elif id_ is not None and stage is not None and stage.is_terminal:
            mistakes.append(FieldError(f"/{field}", _TERMINAL))
        elif field == "auto_task_template" and stage is not None and _is_of(session, id_, stage):
            mistakes.append(FieldError(f"/{field}", _TWICE))
    if mistakes:
        raise Invalid(*mistakes)
    return wanted


def _is_of(session: Session, template_id: UUID | None, stage: PipelineStage) -> bool:
    """Return whether the task template names the stage as its own."""
    own = select(TaskTemplate.id).where(TaskTemplate.id == template_id, TaskTemplate.stage == stage.slug)
    return session.scalar(own) is not None

"""Reactions of rules, sequences and task templates to a pipeline stage. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from app.automation.language.docs import sentences
from app.core.type_aliases import JsonObject
from app.engine.events.events import EventName
from app.engine.models import Kind
from app.engine.rules.conditions import CHANGED, Condition, holds, single_conditions
from app.leads.pipeline.models import LOST, STARTED, PipelineStage
from app.tasks.templates.models import TaskTemplate


class Moment(StrEnum):
    """When something reacts: a lead enters the stage, leaves it, or stays in it for too long."""

    ENTERED = "entered"
    LEFT = "left"
    OVERDUE = "overdue"


class ReactionKind(StrEnum):
    RULE = "rule"
    SEQUENCE = "sequence"
    TASK_TEMPLATE = "task_template"


@dataclass(frozen=True, slots=True)
class Reaction:
    """A rule, sequence or task template that reacts to a stage. `text`: what it does, in plain words."""

    kind: ReactionKind
    id: UUID
    name: str
    on: Moment
    text: str


_MOMENTS: Final[Mapping[str, tuple[Moment, ...]]] = {
    "lead.stage_entered": (Moment.ENTERED,),
    EventName.LEAD_STAGE_CHANGED: (Moment.ENTERED, Moment.LEFT),
    "lead.stage_left": (Moment.LEFT,),
    EventName.LEAD_STAGE_OVERDUE: (Moment.OVERDUE,),
}
_CLOSING: Final = {LOST: EventName.LEAD_LOST, STARTED: EventName.LEAD_CONVERTED}  # leads in a final stage are over
_NEW, _OLD = frozenset({"event.stage", "lead.pipeline_stage"}), "event.previous_stage"


def of_rule(rule: JsonObject, id_: UUID, stage: PipelineStage) -> Iterator[Reaction]:
    """Yield the reactions of a published rule to the stage."""
    for moment in moments_of(rule, stage):
        actions = "; ".join(map(sentences.of_action, rule["do"]))
        yield Reaction(ReactionKind.RULE, id_, rule["name"], moment, _text(rule, actions))


def of_sequence(sequence: JsonObject, id_: UUID, stage: PipelineStage) -> Iterator[Reaction]:
    """Yield the reactions of a published sequence: those that enroll a lead."""
    enroll = sequence.get("enroll")
    if enroll is None:
        return
    for moment in moments_of(enroll, stage):
        yield Reaction(ReactionKind.SEQUENCE, id_, sequence["name"], moment, _text(enroll, "The lead is enrolled"))


def of_task_template(template: TaskTemplate) -> Reaction:
    """Return the reaction of a task template to its stage."""
    task = {"title": template.title, "type": template.type, "priority": template.priority}
    text = _text({}, sentences.of_action({Kind.CREATE_TASK: task}))
    return Reaction(ReactionKind.TASK_TEMPLATE, template.id, template.name, Moment.ENTERED, text)


def moments_of(trigger: JsonObject, stage: PipelineStage) -> Iterator[Moment]:
    """Yield the moments of the stage at which `on` and `when` of the trigger may hold."""
    on, when = trigger["on"], trigger.get("when", ())
    events = [on] if isinstance(on, str) else on
    asked = {leaf["field"] for condition in when for leaf in single_conditions(condition)}
    if stage.is_terminal:
        if _CLOSING.get(stage.slug) in events and _may_hold(when, _known(Moment.ENTERED, stage.slug)):
            yield Moment.ENTERED
        return
    for moment in Moment:
        about = [name for name in events if moment in _MOMENTS.get(name, ()) and _is_meant(name, moment, asked)]
        if about and _may_hold(when, _known(moment, stage.slug)):
            yield moment


def _is_meant(event: str, moment: Moment, asked: set[str]) -> bool:
    """Return whether a change of the stage is meant as entering or as leaving, by the fields that are tested."""
    if event != EventName.LEAD_STAGE_CHANGED:
        return True
    return _OLD in asked if moment is Moment.LEFT else _OLD not in asked or not _NEW.isdisjoint(asked)


def _known(moment: Moment, slug: str) -> dict[str, str]:
    """Return the facts about stages that are known at the moment, by path."""
    match moment:
        case Moment.ENTERED:
            return dict.fromkeys(_NEW, slug)
        case Moment.LEFT:
            return {_OLD: slug}
        case Moment.OVERDUE:
            return {"lead.pipeline_stage": slug}


def _may_hold(conditions: Iterator[Condition] | list[Condition] | tuple[Condition, ...], known: dict[str, str]) -> bool:
    return all(_may_be(condition, known) for condition in conditions)


def _may_be(condition: Condition, known: dict[str, str]) -> bool:
    """Return whether the condition may hold. What is not known may have any value."""
    if "all" in condition:
        return _may_hold(condition["all"], known)
    if "any" in condition:
        return any(_may_be(part, known) for part in condition["any"])
    path = condition["field"]
    if path not in known or CHANGED in condition:
        return True
    group, _, name = path.partition(".")
    return holds(condition, {group: {name: known[path]}})


def _text(trigger: JsonObject, what: str) -> str:
    text = f"{sentences.of_timing(trigger) or 'at once'}: {what}"
    return text[0].upper() + text[1:]

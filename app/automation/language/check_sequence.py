"""What is wrong with a sequence. The shapes are those that `sequences` reads."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from app.automation.language import condition_check, shapes
from app.automation.language.check_actions import ACTIONS, Around
from app.automation.language.check_rule import (
    LONGEST_DESCRIPTION,
    STOPPING,
    check_events,
    check_moment,
    check_name,
    check_rule,
)
from app.automation.language.condition_check import Known
from app.automation.language.shapes import LONGEST_SLUG, SLUG
from app.core.validation.mistakes import Mistake, one_of
from app.engine.events.events import EventName
from app.engine.rules.vocabulary import When
from app.engine.sequences.sequence import END, STEP_PARTS

MOST_STEPS: Final = 100
MOST_VARIANTS: Final = 10
HEAVIEST: Final = 100
OWN: Final = "custom."  # before the key of a field of the clinic's own
LONGEST_TAG: Final = 50
KEYS: Final = frozenset(
    {"name", "description", "enroll", "exit_on", "goal", "exclusive", "re_entry", "priority", "label"}
    | {"exit_on_colleague", "steps"}
)
TRIGGER_KEYS: Final = frozenset({"on", "when", "after", "before"})
RE_ENTRY: Final = frozenset({"never", "after_exit"})
# What ends a lead's way: what stops steps, but for what happens to tasks; and what becomes of messages.
ENDING: Final = (
    *(event for event in STOPPING if not event.startswith("task.")),
    *(EventName.MESSAGE_BOUNCED, EventName.MESSAGE_OPENED, EventName.MESSAGE_CLICKED),
)
_OF_RULES: Final = (
    "send_message",
    "create_task",
    "notify",
    "change_stage",
    "assign",
    "update_lead",
    "complete_tasks",
    "call_webhook",
)
STEP_ACTIONS: Final = (*_OF_RULES, "wait", "branch")


def check_sequence(sequence: object, place: str, around: Around) -> list[Mistake]:
    """Every mistake of one sequence."""
    if not isinstance(sequence, Mapping):
        return [Mistake(place, "must be a mapping")]
    at = f"{place}." if place else ""
    mistakes = shapes.keys(sequence, KEYS, place, {"name", "steps"}) + check_name(sequence, f"{at}name")
    mistakes += shapes.text(sequence, "description", f"{at}description", longest=LONGEST_DESCRIPTION)
    mistakes += shapes.truth(sequence, "exclusive", place)
    mistakes += shapes.text(sequence, "label", f"{at}label", longest=LONGEST_TAG)
    for key in ("exit_on", "goal"):
        mistakes += check_events(sequence[key], ENDING, f"{at}{key}") if sequence.get(key, []) != [] else []
    if "priority" in sequence:
        mistakes += shapes.number(sequence["priority"], f"{at}priority", least=1, most=1000)
    if "enroll" in sequence:
        mistakes += _trigger(sequence["enroll"], f"{at}enroll", around)
    mistakes += _re_entry(sequence.get("re_entry", "never"), f"{at}re_entry")
    mistakes += _colleague(sequence, f"{at}exit_on_colleague", around)
    return mistakes + _steps(sequence.get("steps"), f"{at}steps", around)


def _trigger(value: object, place: str, around: Around) -> list[Mistake]:
    """As the rule that it becomes."""
    if not isinstance(value, Mapping):
        return [Mistake(place, "must be like {on: lead.created, when: [...]}")]
    if unknown := shapes.keys(value, TRIGGER_KEYS, place, {"on"}):
        return unknown
    enrolling = {"name": "itself", "do": [{"enroll": {"sequence": "itself"}}]}
    return check_rule({**value, **enrolling}, place, replace(around, sequences=None))


def _re_entry(value: object, place: str) -> list[Mistake]:
    if isinstance(value, Mapping):
        return shapes.keys(value, {"after"}, place, {"after"}) + shapes.duration(value.get("after"), f"{place}.after")
    return one_of(value, RE_ENTRY, place)


def _colleague(sequence: Mapping[str, Any], place: str, around: Around) -> list[Mistake]:
    if "exit_on_colleague" not in sequence:
        return []
    path = sequence["exit_on_colleague"]
    if str(path).startswith(OWN) and Known(When.DUE, around.custom).field(f"lead.{path}"):
        return []
    return one_of(path, {f"{OWN}{key}" for key in around.custom or ()}, place)


def _steps(steps: object, place: str, around: Around) -> list[Mistake]:
    if not isinstance(steps, list) or not 1 <= len(steps) <= MOST_STEPS:
        return [Mistake(place, f"must be a list of 1 to {MOST_STEPS} steps")]
    names = [step.get("name") if isinstance(step, Mapping) else None for step in steps]
    twice = {name for name, times in Counter(map(str, names)).items() if times > 1}
    mistakes = [
        Mistake(f"{place}[{i}].name", f"{name!r} is taken by an earlier step")
        for i, name in enumerate(names)
        if str(name) in twice and name in names[:i]
    ]
    for i, step in enumerate(steps):
        mistakes += _step(step, f"{place}[{i}]", around, later=names[i + 1 :])
    return mistakes


def _step(step: object, place: str, around: Around, *, later: Sequence[Any]) -> list[Mistake]:
    if not isinstance(step, Mapping):
        return [Mistake(place, "must be a mapping such as {name: hello, after: 1 day, send_message: {...}}")]
    mistakes = shapes.keys(step, {*STEP_PARTS, *STEP_ACTIONS}, place, {"name"}) + _step_name(step, f"{place}.name")
    mistakes += shapes.text(step, "description", f"{place}.description", longest=LONGEST_DESCRIPTION)
    for key in ("only_if", "unless"):
        mistakes += condition_check.check(step.get(key, []), f"{place}.{key}", Known(When.ENROLLED, around.custom))
    mistakes += _timing(step, place, around)
    if "next" in step:
        mistakes += _target(step["next"], later, f"{place}.next")
    actions = [key for key in step if key in STEP_ACTIONS]
    if len(actions) != 1:
        return [*mistakes, Mistake(place, f"must name one action of {', '.join(STEP_ACTIONS)}")]
    return mistakes + _action(actions[0], step, place, around, later=later)


def _step_name(step: Mapping[str, Any], place: str) -> list[Mistake]:
    name = step.get("name")
    if isinstance(name, str) and SLUG.fullmatch(name) and len(name) <= LONGEST_SLUG and name != END:
        return []
    return [Mistake(place, f"must be a slug such as day-3, of at most {LONGEST_SLUG}, and not {END!r}")]


def _timing(step: Mapping[str, Any], place: str, around: Around) -> list[Mistake]:
    mistakes = []
    if "after" in step:
        mistakes += check_moment(step["after"], "after", f"{place}.after", around)
        if isinstance(step["after"], Mapping) and "of" in step["after"]:
            mistakes.append(Mistake(f"{place}.after.of", "is not for steps: they count from the end of the one before"))
    if "skip_when_later_than" in step:
        mistakes += shapes.duration(step["skip_when_later_than"], f"{place}.skip_when_later_than")
    return mistakes


def _target(value: object, later: Sequence[Any], place: str) -> list[Mistake]:
    """Later steps only, so that every way ends."""
    return one_of(value, {END, *(name for name in later if isinstance(name, str))}, place)


def _action(kind: str, step: Mapping[str, Any], place: str, around: Around, *, later: Sequence[Any]) -> list[Mistake]:
    settings, at = step[kind], f"{place}.{kind}"
    if not isinstance(settings, Mapping):
        return [Mistake(at, "must be a mapping of settings")]
    match kind:
        case "wait":
            return shapes.keys(settings, (), at) + (
                [] if "after" in step else [Mistake(f"{place}.after", "is missing")]
            )
        case "branch":
            return _branch(step, settings, place, around, later=later)
        case "create_task":
            return _create_task(settings, at, around)
        case "send_message" if "variants" in settings:
            return _variants(settings, at, around)
    return ACTIONS[kind](settings, at, around)


def _branch(
    step: Mapping[str, Any], settings: Mapping[str, Any], place: str, around: Around, *, later: Sequence[Any]
) -> list[Mistake]:
    at = f"{place}.branch"
    mistakes = shapes.keys(settings, {"if", "then", "else"}, at, {"if", "then"})
    mistakes += condition_check.check(settings.get("if", []), f"{at}.if", Known(When.ENROLLED, around.custom))
    mistakes += [m for way in ("then", "else") if way in settings for m in _target(settings[way], later, f"{at}.{way}")]
    if "next" in step:
        mistakes.append(Mistake(f"{place}.next", "is not for a branch: it says `then` and `else`"))
    return mistakes


def _create_task(settings: Mapping[str, Any], place: str, around: Around) -> list[Mistake]:
    own = {key: value for key, value in settings.items() if key != "wait_for"}
    mistakes = one_of(settings.get("wait_for", "completion"), {"completion"}, f"{place}.wait_for")
    return mistakes + ACTIONS["create_task"](own, place, around)


def _variants(settings: Mapping[str, Any], place: str, around: Around) -> list[Mistake]:
    variants = settings["variants"]
    if not isinstance(variants, list) or not 2 <= len(variants) <= MOST_VARIANTS:  # noqa: PLR2004  (one is no choice)
        return [Mistake(f"{place}.variants", f"must be a list of 2 to {MOST_VARIANTS} variants")]
    mistakes = []
    if "template" in settings:
        mistakes.append(Mistake(f"{place}.template", "and variants exclude each other: each variant has its own"))
    names = [one.get("name") for one in variants if isinstance(one, Mapping)]
    for i, one in enumerate(variants):
        mistakes += _variant(one, f"{place}.variants[{i}]", around)
        if isinstance(one, Mapping) and one.get("name") in names[:i]:
            mistakes.append(Mistake(f"{place}.variants[{i}].name", "is taken by an earlier variant"))
    common = {key: value for key, value in settings.items() if key not in {"variants", "template"}}
    given = {"template": next(iter(around.templates), "")}  # of the variants each was looked at
    return mistakes + ([] if mistakes else ACTIONS["send_message"]({**common, **given}, place, around))


def _variant(value: object, place: str, around: Around) -> list[Mistake]:
    if not isinstance(value, Mapping):
        return [Mistake(place, "must be like {name: A, weight: 50, template: hello}")]
    mistakes = shapes.keys(value, {"name", "weight", "template"}, place, {"name", "template"})
    mistakes += shapes.text(value, "name", f"{place}.name", longest=LONGEST_TAG)
    mistakes += shapes.number(value.get("weight", 1), f"{place}.weight", least=1, most=HEAVIEST)
    return mistakes + one_of(value.get("template"), around.templates, f"{place}.template")

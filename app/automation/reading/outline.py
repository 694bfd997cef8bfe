"""Outlines of rules, sequences and nurtures: one line of plain words for each part. Pure.

The definitions are valid; names may be unknown.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from app.automation.language.docs import sentences
from app.automation.language.docs.days import days_of
from app.core.type_aliases import JsonObject
from app.core.validation.json_pointer import pointer
from app.engine.models import Kind
from app.engine.sequences.sequence import DEFAULT_EXITS, END, action_in, read_sequence

Written = JsonObject


class Role(StrEnum):
    EVENT = "event"
    CONDITION = "condition"
    WAIT = "wait"
    ACTION = "action"
    WAY = "way"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class OutlineLine:
    """A line. `pointer`: its part of the definition, or of the whole (empty) where the line says a default."""

    pointer: str
    role: Role
    text: str
    depth: int = 0


def of_rule(rule: Written) -> Iterator[OutlineLine]:
    """Yield the lines of a rule, in the order in which they take effect."""
    yield OutlineLine("/on", Role.EVENT, f"When {sentences.of_events(rule['on'])}")
    yield from _conditions(rule, "when", "if")
    part = next((part for part in ("before_due", "before", "after", "every") if part in rule), "")
    yield OutlineLine(pointer(part) if part else "", Role.WAIT, sentences.of_timing(rule) or "at once")
    yield from _guard(rule)
    yield from _actions(rule["do"], ("do",), depth=1)
    for sentence in sentences.of_rule_stops(rule):
        yield OutlineLine("/stop_on" if "stop_on" in rule else "", Role.STOP, sentence)


def of_sequence(sequence: Written) -> Iterator[OutlineLine]:
    """Yield the lines of a sequence: how leads enter and leave it, and its steps."""
    begin = "/enroll" if "enroll" in sequence else ""
    yield OutlineLine(begin, Role.EVENT, f"When {sentences.of_beginning(sequence)}")
    if "label" in sequence:
        yield OutlineLine("/label", Role.CONDITION, f"meanwhile the lead is tagged “{sequence['label']}”")
    days = days_of(read_sequence(sequence))
    for i, step in enumerate(sequence["steps"]):
        yield from _step(step, i, days.get(step["name"]))
    if sequence.get("goal"):
        yield OutlineLine("/goal", Role.STOP, f"Its goal: {sentences.of_stops(sequence['goal'])}.")
    exits = sentences.of_stops(sequence.get("exit_on", DEFAULT_EXITS))
    if exits:
        yield OutlineLine("/exit_on" if "exit_on" in sequence else "", Role.STOP, f"It ends early when {exits}.")


def of_nurture(nurture: Written) -> Iterator[OutlineLine]:
    """Yield the lines of a nurture: its hours and leads, and the sequence."""
    days = f" on {', '.join(nurture['days'])}" if nurture.get("days") else " every day"
    text = f"{sentences.of_nurture(nurture)}{days}"
    yield OutlineLine("/run_hours" if "run_hours" in nurture else "", Role.EVENT, text[0].upper() + text[1:])
    most = f", at most {nurture['most']} in one run" if nurture.get("most") else ""
    yield OutlineLine("/sequence", Role.ACTION, f"Enroll them in the sequence {nurture['sequence']}{most}", depth=1)


def _step(step: Written, i: int, day: int | None) -> Iterator[OutlineLine]:
    place = ("steps", i)
    said = "never reached" if day is None else f"day {day}"
    wait = f", {sentences.of_wait(step['after'])}" if "after" in step else ""
    yield OutlineLine(pointer(*place), Role.WAIT, f"{step['name']} ({said}{wait})")
    kind = action_in(step)
    text = sentences.of_step(step)
    yield OutlineLine(pointer(*place, kind), Role.ACTION, text[0].upper() + text[1:], depth=1)
    if kind == Kind.BRANCH:
        for word, way in (("yes", "then"), ("no", "else")):
            if way in step[kind]:
                yield OutlineLine(pointer(*place, kind, way), Role.WAY, f"{word}: {_target(step[kind][way])}", depth=2)
    elif "next" in step:
        yield OutlineLine(pointer(*place, "next"), Role.WAY, f"then: {_target(step['next'])}", depth=2)


def _target(name: str) -> str:
    return "the end" if name == END else f"go on with {name}"


def _guard(rule: Written) -> Iterator[OutlineLine]:
    yield from _conditions(rule, "only_if", "if by then")
    yield from _conditions(rule, "unless", "unless by then")
    if "skip_when_later_than" in rule:
        text = f"skipped when it is more than {rule['skip_when_later_than']} late"
        yield OutlineLine("/skip_when_later_than", Role.CONDITION, text)


def _conditions(rule: Written, part: str, word: str) -> Iterator[OutlineLine]:
    joined = "or" if part == "unless" else "and"
    for i, condition in enumerate(rule.get(part, ())):
        said = f"{joined if i else word} {sentences.of_condition(condition)}"
        yield OutlineLine(pointer(part, i), Role.CONDITION, said)


def _actions(actions: list[Written], place: tuple[str | int, ...], *, depth: int) -> Iterator[OutlineLine]:
    for i, action in enumerate(actions):
        [(kind, settings)] = action.items()
        here = (*place, i)
        if kind != Kind.BRANCH:
            text = sentences.of_action(action)
            yield OutlineLine(pointer(*here), Role.ACTION, text[0].upper() + text[1:], depth)
            continue
        asked = f"If {sentences.of_conditions(settings['if'])}:"
        yield OutlineLine(pointer(*here, kind, "if"), Role.CONDITION, asked, depth)
        yield from _actions(settings["then"], (*here, kind, "then"), depth=depth + 1)
        if settings.get("else"):
            yield OutlineLine(pointer(*here, kind, "else"), Role.CONDITION, "Else:", depth)
            yield from _actions(settings["else"], (*here, kind, "else"), depth=depth + 1)

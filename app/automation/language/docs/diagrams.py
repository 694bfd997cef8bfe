"""Mermaid diagrams of rules, sequences and nurtures. Pure.

The syntax is simple, so that every renderer supports it: short ids, and quoted labels without special characters.
"""

from collections.abc import Iterator
from textwrap import wrap
from typing import Final

from app.automation.language.docs import sentences
from app.automation.language.docs.days import days_of
from app.core.type_aliases import JsonObject
from app.engine.sequences.sequence import Sequence, SequenceStep, read_sequence

Written = JsonObject

WIDEST: Final = 24  # characters of a line; Mermaid breaks longer lines at any place
# Codes of characters that would end a label or start a code.
_CODES: Final = str.maketrans({"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;"})


def of_rule(rule: Written) -> Iterator[str]:
    """Yield the lines of a rule's diagram, from left to right."""
    yield from ("```mermaid", "flowchart LR")
    before = "event"
    yield f"  event([{_label(sentences.of_events(rule['on']))}])"
    for id_, shape in _between(rule):
        yield f"  {before} --> {id_}{shape}"
        before = id_
    for i, action in enumerate(rule["do"]):
        yield f"  {before} --> do{i}[{_label(sentences.of_action(action))}]"
    stops = [event for events in sentences.stops_in(rule) for event in events]
    if stops and sentences.of_timing(rule):  # a rule without a delay leaves nothing to cancel
        yield f"  stops[{_label(sentences.of_stops(stops))}] -.->|cancels it| wait"
    yield "```"


def of_sequence(sequence: Written) -> Iterator[str]:
    """Yield the lines of a sequence's diagram, from top to bottom: each step with its day, counted from the first."""
    read = read_sequence(sequence)
    days, texts = days_of(read), {step["name"]: step for step in sequence["steps"]}
    reached = [step for step in read.steps if step.name in days]
    yield from ("```mermaid", "flowchart TD")
    yield f"  begin([{_label(sentences.of_beginning(sequence))}]) --> {_id(read, read.first)}"
    for step in reached:
        label = _label(f"Day {days[step.name]}: {sentences.of_step(texts[step.name])}")
        yield f"  {_id(read, step)}" + ("{{" + label + "}}" if step.ways else f"[{label}]")
    for step in reached:
        for said, way in _BRANCHED if step.ways else _STRAIGHT:
            yield f"  {_id(read, step)} -->{said} {_id(read, read.after(step.name, way))}"
    yield from ("  over([end])", "```")


def of_nurture(nurture: Written) -> Iterator[str]:
    """Yield the lines of a nurture's diagram: the leads that it enrolls, and the sequence."""
    yield from ("```mermaid", "flowchart LR")
    yield f"  run([{_label(sentences.of_nurture(nurture))}])"
    yield f"  run --> into[{_label('enroll in the sequence ' + nurture['sequence'])}]"
    yield "```"


_STRAIGHT: Final[tuple[tuple[str, str | None], ...]] = (("", None),)
_BRANCHED: Final[tuple[tuple[str, str | None], ...]] = (("|yes|", "then"), ("|no|", "else"))


def _id(sequence: Sequence, step: SequenceStep | None) -> str:
    """Return the node id of a step; None stands for the end."""
    return f"step{sequence.steps.index(step)}" if step else "over"


def _between(rule: Written) -> Iterator[tuple[str, str]]:
    """Yield id and shape of each node between the event and the actions."""
    if rule.get("when"):
        yield "when", "{{" + _label("if " + sentences.of_conditions(rule["when"])) + "}}"
    if timing := sentences.of_timing(rule):
        yield "wait", f"[{_label(timing)}]"
    if rule.get("only_if"):
        yield "still", "{{" + _label("if by then " + sentences.of_conditions(rule["only_if"])) + "}}"
    if rule.get("unless"):
        yield "unless", "{{" + _label("unless by then " + sentences.of_conditions(rule["unless"])) + "}}"


def _label(text: str) -> str:
    """Return the text in quotes, broken into lines that fit a node."""
    lines = wrap(text, WIDEST, break_long_words=False, break_on_hyphens=False)
    return '"' + "<br/>".join(line.translate(_CODES) for line in lines) + '"'

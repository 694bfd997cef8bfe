"""Pictures of rules, sequences and nurtures: nodes and edges, each with its part of the definition. Pure.

Renderers draw them: Mermaid for the pages (`diagrams`), SVG in the console.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from app.automation.language.docs import sentences
from app.automation.language.docs.days import days_of
from app.core.type_aliases import JsonObject
from app.core.validation.json_pointer import pointer
from app.engine.sequences.sequence import Sequence, SequenceStep, read_sequence

Written = JsonObject


class Direction(StrEnum):
    RIGHT = "right"
    DOWN = "down"


class Shape(StrEnum):
    EVENT = "event"
    CONDITION = "condition"
    STEP = "step"
    END = "end"


@dataclass(frozen=True, slots=True)
class Node:
    """A node. `pointer`: the part of the definition that it shows, as a JSON pointer; empty: the whole."""

    id: str
    shape: Shape
    text: str
    pointer: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow between two nodes. `is_stop`: the source cancels the target."""

    source: str
    target: str
    label: str = ""
    is_stop: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """Nodes and edges; every path leads in one direction."""

    direction: Direction
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def of_rule(rule: Written) -> Picture:
    """Return a rule's picture, from left to right."""
    way = [Node("event", Shape.EVENT, sentences.of_events(rule["on"]), "/on"), *_between(rule)]
    actions = [
        Node(f"do{i}", Shape.STEP, sentences.of_action(action), pointer("do", i)) for i, action in enumerate(rule["do"])
    ]
    edges = [Edge(one.id, other.id) for one, other in pairwise(way)]
    edges += [Edge(way[-1].id, action.id) for action in actions]
    stops = list(_stops(rule))
    edges += [Edge(stop.id, "wait", "cancels it", is_stop=True) for stop in stops]
    return Picture(Direction.RIGHT, (*way, *actions, *stops), tuple(edges))


def of_sequence(sequence: Written) -> Picture:
    """Return a sequence's picture, from top to bottom: each step with its day, counted from the first."""
    read = read_sequence(sequence)
    days = days_of(read)
    reached = [(i, step) for i, step in enumerate(read.steps) if step.name in days]
    begin = Node("begin", Shape.EVENT, sentences.of_beginning(sequence), "/enroll" if "enroll" in sequence else "")
    steps = [_step(i, step, sequence["steps"][i], days[step.name]) for i, step in reached]
    edges = [Edge("begin", _id(read, read.first)), *(edge for _, step in reached for edge in _edges(read, step))]
    return Picture(Direction.DOWN, (begin, *steps, Node("over", Shape.END, "end")), tuple(edges))


def of_nurture(nurture: Written) -> Picture:
    """Return a nurture's picture: the leads that it enrolls, and the sequence."""
    run = Node("run", Shape.EVENT, sentences.of_nurture(nurture), "/run_hours" if "run_hours" in nurture else "")
    into = Node("into", Shape.STEP, f"enroll in the sequence {nurture['sequence']}", "/sequence")
    return Picture(Direction.RIGHT, (run, into), (Edge("run", "into"),))


def _between(rule: Written) -> Iterator[Node]:
    """Yield the nodes between the event and the actions."""
    if rule.get("when"):
        yield Node("when", Shape.CONDITION, "if " + sentences.of_conditions(rule["when"]), "/when")
    if timing := sentences.of_timing(rule):
        part = next(part for part in ("before_due", "before", "after") if part in rule)
        yield Node("wait", Shape.STEP, timing, pointer(part))
    if rule.get("only_if"):
        yield Node("still", Shape.CONDITION, "if by then " + sentences.of_conditions(rule["only_if"]), "/only_if")
    if rule.get("unless"):
        yield Node("unless", Shape.CONDITION, "unless by then " + sentences.of_conditions(rule["unless"]), "/unless")


def _stops(rule: Written) -> Iterator[Node]:
    """Yield the node of the events that cancel steps. A rule without a delay leaves nothing to cancel."""
    stops = [event for events in sentences.stops_in(rule) for event in events]
    if stops and sentences.of_timing(rule):
        yield Node("stops", Shape.STEP, sentences.of_stops(stops), "/stop_on" if "stop_on" in rule else "")


def _step(i: int, step: SequenceStep, written: Written, day: int) -> Node:
    shape = Shape.CONDITION if step.ways else Shape.STEP
    return Node(f"step{i}", shape, f"Day {day}: {sentences.of_step(written)}", pointer("steps", i))


_STRAIGHT: Final[tuple[tuple[str, str | None], ...]] = (("", None),)
_BRANCHED: Final[tuple[tuple[str, str | None], ...]] = (("yes", "then"), ("no", "else"))


def _edges(read: Sequence, step: SequenceStep) -> Iterator[Edge]:
    for label, way in _BRANCHED if step.ways else _STRAIGHT:
        yield Edge(_id(read, step), _id(read, read.after(step.name, way)), label)


def _id(sequence: Sequence, step: SequenceStep | None) -> str:
    """Return the node id of a step; None stands for the end."""
    return f"step{sequence.steps.index(step)}" if step else "over"

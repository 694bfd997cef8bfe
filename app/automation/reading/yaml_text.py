"""Definitions as YAML (JSON is YAML, too), with the line and column of each part. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import yaml

from app.automation.playbooks.shipped import DefinitionLoader, refuse_large
from app.core.validation.json_pointer import pointer
from app.core.validation.validation_errors import InvalidPlaybook

Part = str | int


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a text. The first line and the first column are 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class ReadText:
    """The document, and the position of each part by its JSON pointer."""

    document: object
    positions: dict[str, Position]

    def position(self, place: str) -> Position:
        """Return the position of a part; of a missing part that of the part that should contain it."""
        while place and place not in self.positions:
            place = place.rpartition("/")[0]
        return self.positions.get(place, START)


class UnreadableText(ValueError):
    """The text is no YAML."""

    def __init__(self, problem: str, position: Position) -> None:
        super().__init__(problem)
        self.position = position


START: Final = Position(1, 1)


def read_text(text: str) -> ReadText:
    """Read a text. Raises UnreadableText."""
    try:
        refuse_large(text)
        root = yaml.compose(text, DefinitionLoader)
        document = yaml.load(text, DefinitionLoader)  # noqa: S506
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise UnreadableText(error.problem or "is not YAML", _position(mark) if mark else START) from None
    except InvalidPlaybook as error:
        raise UnreadableText(error.mistakes[0].problem, START) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: 2026-13-45 is no date
        raise UnreadableText(" ".join(str(error).split()), START) from None
    return ReadText(document, dict(_positions(root)) if root else {})


def _positions(root: yaml.Node) -> Iterator[tuple[str, Position]]:
    """Yield the position of each part: of its key, or of the item of a list."""
    waiting: list[tuple[tuple[Part, ...], yaml.Node]] = [((), root)]
    seen: set[int] = set()
    while waiting:
        place, node = waiting.pop()
        if id(node) in seen:  # with anchors a document can contain itself, or one part a billion times
            continue
        seen.add(id(node))
        for part, marked, value in _parts(node):
            yield pointer(*place, part), _position(marked.start_mark)
            waiting.append(((*place, part), value))


def _parts(node: yaml.Node) -> Iterator[tuple[Part, yaml.Node, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        yield from ((str(key.value), key, value) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        yield from ((i, item, item) for i, item in enumerate(node.value))


def _position(mark: yaml.Mark) -> Position:
    return Position(mark.line + 1, mark.column + 1)

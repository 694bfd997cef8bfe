"""Mermaid diagrams of rules, sequences and nurtures. Pure.

The syntax is simple, so that every renderer supports it: short ids, and quoted labels without special characters.
"""

from collections.abc import Iterator
from textwrap import wrap
from typing import Final

from app.automation.language.docs import pictures
from app.automation.language.docs.pictures import Direction, Edge, Node, Picture, Shape
from app.core.type_aliases import JsonObject

Written = JsonObject

WIDEST: Final = 24  # characters of a line; Mermaid breaks longer lines at any place
# Codes of characters that would end a label or start a code.
_CODES: Final = str.maketrans({"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;"})
_DIRECTIONS: Final = {Direction.RIGHT: "LR", Direction.DOWN: "TD"}
_BRACKETS: Final = {
    Shape.EVENT: ("([", "])"),
    Shape.CONDITION: ("{{", "}}"),
    Shape.STEP: ("[", "]"),
    Shape.END: ("([", "])"),
}


def of_rule(rule: Written) -> Iterator[str]:
    """Yield the lines of a rule's diagram, from left to right."""
    return _draw(pictures.of_rule(rule))


def of_sequence(sequence: Written) -> Iterator[str]:
    """Yield the lines of a sequence's diagram, from top to bottom."""
    return _draw(pictures.of_sequence(sequence))


def of_nurture(nurture: Written) -> Iterator[str]:
    """Yield the lines of a nurture's diagram: the leads that it enrolls, and the sequence."""
    return _draw(pictures.of_nurture(nurture))


def _draw(picture: Picture) -> Iterator[str]:
    yield from ("```mermaid", f"flowchart {_DIRECTIONS[picture.direction]}")
    yield from (f"  {_node(node)}" for node in picture.nodes)
    yield from (f"  {edge.source} {_arrow(edge)} {edge.target}" for edge in picture.edges)
    yield "```"


def _node(node: Node) -> str:
    opening, closing = _BRACKETS[node.shape]
    return f"{node.id}{opening}{_label(node.text)}{closing}"


def _arrow(edge: Edge) -> str:
    arrow = "-.->" if edge.is_stop else "-->"
    return f"{arrow}|{edge.label}|" if edge.label else arrow


def _label(text: str) -> str:
    """Return the text in quotes, broken into lines that fit a node."""
    lines = wrap(text, WIDEST, break_long_words=False, break_on_hyphens=False)
    return '"' + "<br/>".join(line.translate(_CODES) for line in lines) + '"'

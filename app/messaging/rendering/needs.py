"""What a text speaks of, and what it cannot do without: read from its words, before any values are there. Pure."""

from collections.abc import Iterator
from functools import lru_cache

from jinja2 import nodes

from app.messaging.rendering.render import field_of, parse


@lru_cache(maxsize=1024)
def fields_in(text: str) -> frozenset[str]:
    """Every variable that a text (which has no mistakes) speaks of, such as `lead.value`."""
    return frozenset(field for node in parse(text).find_all(nodes.Getattr) if (field := field_of(node)))


@lru_cache(maxsize=1024)
def needed_in(text: str) -> frozenset[str]:
    """Those that it prints or compares wherever it goes, with neither a default nor a condition."""
    return frozenset(_needed(parse(text)))


def _needed(node: nodes.Node) -> Iterator[str]:
    if field := field_of(node):
        yield field
    elif isinstance(node, nodes.If | nodes.CondExpr):
        yield from _asked(node.test)
    elif isinstance(node, nodes.Or):
        yield from _asked(node.left)
    elif isinstance(node, nodes.And):
        yield from _needed(node.left)  # what has no value is what is printed
    elif isinstance(node, nodes.Filter) and node.name == "default":
        yield from _asked(node.node)
    elif not isinstance(node, nodes.Test):
        for child in node.iter_child_nodes():
            yield from _needed(child)


def _asked(node: nodes.Node | None) -> Iterator[str]:
    """Whether there is a value may be asked of any; what it is, only of one that is there."""
    if node is None or field_of(node):
        return
    if isinstance(node, nodes.Not):
        yield from _asked(node.node)
    elif isinstance(node, nodes.And | nodes.Or):
        yield from _asked(node.left)
    else:
        yield from _needed(node)

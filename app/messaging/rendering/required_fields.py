"""Variables in a template's text, and those that it requires. Read from the syntax tree, without values. Pure."""

from collections.abc import Iterator
from functools import lru_cache

from jinja2 import nodes

from app.messaging.rendering.render import field_of, parse


@lru_cache(maxsize=1024)
def fields_in(text: str) -> frozenset[str]:
    """Return the variables in a valid text, such as `lead.value`."""
    return frozenset(field for node in parse(text).find_all(nodes.Getattr) if (field := field_of(node)))


@lru_cache(maxsize=1024)
def required_fields_in(text: str) -> frozenset[str]:
    """Return the variables that a valid text requires: it prints or compares them without a default or a condition."""
    return frozenset(_required(parse(text)))


def _required(node: nodes.Node) -> Iterator[str]:
    if field := field_of(node):
        yield field
    elif isinstance(node, nodes.If | nodes.CondExpr):
        yield from _required_by_test(node.test)
    elif isinstance(node, nodes.Or):
        yield from _required_by_test(node.left)
    elif isinstance(node, nodes.And):
        yield from _required(node.left)  # a missing value is printed itself
    elif isinstance(node, nodes.Filter) and node.name == "default":
        yield from _required_by_test(node.node)
    elif not isinstance(node, nodes.Test):
        for child in node.iter_child_nodes():
            yield from _required(child)


def _required_by_test(node: nodes.Node | None) -> Iterator[str]:
    """Yield the variables that a condition requires.

    A test for existence requires no value; a comparison does.
    """
    if node is None or field_of(node):
        return
    if isinstance(node, nodes.Not):
        yield from _required_by_test(node.node)
    elif isinstance(node, nodes.And | nodes.Or):
        yield from _required_by_test(node.left)
    else:
        yield from _required(node)

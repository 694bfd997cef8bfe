"""The tests themselves: none fails because the machine is busy."""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent.parent
SHORTEST_WAIT = 30  # seconds; a limit guards against a test that hangs, and nothing else
CLOCKS = frozenset({"monotonic", "perf_counter"})  # CPU time does not count: other processes do not lengthen it


def nodes() -> Iterator[tuple[str, ast.AST]]:
    """Yield each node of the tests, with its place."""
    for path in sorted(TESTS.rglob("*.py")):
        text = path.read_text()
        if any(word in text for word in (*CLOCKS, "wait_until")):
            for node in ast.walk(ast.parse(text)):
                yield f"{path.relative_to(TESTS)}:{getattr(node, 'lineno', 0)}", node


def test_no_test_demands_that_something_is_fast():
    assert [place for place, node in nodes() if isinstance(node, ast.Assert) and _is_a_limit(node.test)] == []


def test_each_wait_is_long_enough_for_a_busy_machine():
    assert [place for place, node in nodes() if isinstance(node, ast.Call) and _is_a_short_wait(node)] == []


def _is_a_limit(condition: ast.expr) -> bool:
    """Whether a clock has to be before something. That something takes at least so long is no matter of speed."""
    return any(
        isinstance(node, ast.Compare)
        and any(isinstance(operator, ast.Lt | ast.LtE) for operator in node.ops)
        and any(isinstance(part, ast.Attribute) and part.attr in CLOCKS for part in ast.walk(node))
        for node in ast.walk(condition)
    )


def _is_a_short_wait(call: ast.Call) -> bool:
    if not (isinstance(call.func, ast.Name) and call.func.id == "wait_until"):
        return False
    patience = call.args[1]
    return isinstance(patience, ast.Constant) and isinstance(patience.value, int) and patience.value < SHORTEST_WAIT

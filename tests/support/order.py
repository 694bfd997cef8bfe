"""The order of test files: those that mostly wait run beside those that compute.

xdist gives files out in this order. The end-to-end files come in turns with others, so that neither all processes
wait at the same time, nor the longest files are begun last.
"""

import gc
from collections.abc import Iterable, Iterator
from itertools import groupby, islice

import pytest

WAITING = "tests/end_to_end/"
OTHERS_BETWEEN = 10


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that wait between the others."""
    files = [(path, list(tests)) for path, tests in groupby(items, lambda item: item.nodeid.partition("::")[0])]
    waiting = [tests for path, tests in files if path.startswith(WAITING)]
    others = [tests for path, tests in files if not path.startswith(WAITING)]
    items[:] = [item for tests in _in_turns(waiting, others) for item in tests]


def _in_turns(waiting: Iterable[list[pytest.Item]], others: list[list[pytest.Item]]) -> Iterator[list[pytest.Item]]:
    rest = iter(others)
    for tests in waiting:
        yield tests
        yield from islice(rest, OTHERS_BETWEEN)
    yield from rest


def pytest_collection_finish() -> None:
    """Let garbage collection pass over what lives as long as the process: modules and the tests themselves."""
    gc.collect()
    gc.freeze()

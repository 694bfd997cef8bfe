"""Doing things at the same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

PATIENCE = 60  # seconds; a deadlock ends the test, not the run


def together(*acts: Callable[[], Any]) -> list[Any]:
    """Start all of them at once, each in a thread of its own; returns what each returned."""
    start = Barrier(len(acts), timeout=PATIENCE)

    def run(act: Callable[[], Any]) -> Any:
        start.wait()
        return act()

    with ThreadPoolExecutor(len(acts)) as threads:
        return [future.result(PATIENCE) for future in [threads.submit(run, act) for act in acts]]

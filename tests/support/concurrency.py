"""Run functions concurrently."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

TIMEOUT = 60  # seconds; ends a test whose functions deadlock


def run_concurrently(*functions: Callable[[], Any]) -> list[Any]:
    """Start all functions at the same moment, each in its own thread, and return their results in order."""
    start = Barrier(len(functions), timeout=TIMEOUT)

    def run(function: Callable[[], Any]) -> Any:
        start.wait()
        return function()

    with ThreadPoolExecutor(len(functions)) as threads:
        return [future.result(TIMEOUT) for future in [threads.submit(run, one) for one in functions]]

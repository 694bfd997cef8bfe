"""Peak memory of processes during a block."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from bench.processes import Processes

EVERY_SECONDS = 0.2  # reading the memory maps of eight processes takes some milliseconds


@contextmanager
def peak_memory_of(parts: Mapping[str, Processes]) -> Iterator[dict[str, float]]:
    """Yield the peak proportional set size of each part, in MB, until the block ends."""
    peaks = {name: part.memory_mb() for name, part in parts.items()}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(EVERY_SECONDS):
            for name, part in parts.items():
                peaks[name] = max(peaks[name], part.memory_mb())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peaks
    finally:
        over.set()
        watcher.join()

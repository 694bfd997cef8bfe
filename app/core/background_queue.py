"""A queue that a thread of this process empties in rounds, so that a slow server delays no request."""

import queue
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

ROUND_INTERVAL = 0.02  # seconds between two rounds: under load many items share one

Item = TypeVar("Item")


class BackgroundQueue(ABC, Generic[Item]):
    """A bounded queue and its thread, which starts with the first item.

    After a fork the child needs a queue of its own, because threads are not copied.
    """

    def __init__(self, name: str, *, most: int) -> None:
        self._name = name
        self._waiting: queue.Queue[Item] = queue.Queue(maxsize=most)
        self._start = threading.Lock()
        self._hurry = threading.Event()
        self._thread: threading.Thread | None = None

    def hand_over(self, item: Item) -> None:
        """Queue an item. Never raises and never blocks."""
        try:
            self._waiting.put_nowait(item)
        except queue.Full:
            self._refuse(item)
        if self._thread is None:
            self._start_thread()

    def flush(self, timeout: float) -> None:
        """Start a round now, and wait until all items are handled or `timeout` seconds have passed."""
        self._hurry.set()
        with self._waiting.all_tasks_done:
            self._waiting.all_tasks_done.wait_for(lambda: not self._waiting.unfinished_tasks, timeout)
        self._hurry.clear()

    @abstractmethod
    def _handle(self, items: Sequence[Item]) -> float:
        """Handle the items of a round. Returns the seconds until the next one. Must not raise."""

    @abstractmethod
    def _refuse(self, item: Item) -> None:
        """Handle an item that the full queue has no space for. Must not raise."""

    def _has_work(self) -> bool:
        """Whether a round is due although no item is queued."""
        return False

    def _start_thread(self) -> None:
        with self._start:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()

    def _work(self) -> None:
        next_round = 0.0
        while True:
            items = [] if self._has_work() else [self._waiting.get()]
            self._hurry.wait(max(0.0, next_round - time.monotonic()))
            while not self._waiting.empty():
                items.append(self._waiting.get())
            started = time.monotonic()
            next_round = started + self._handle(items)
            for _ in items:
                self._waiting.task_done()

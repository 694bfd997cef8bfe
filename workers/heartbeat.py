"""Heartbeats of workers and beat for their supervisor."""

import os
import threading
from typing import Any

from celery import bootsteps

from workers.watchdog import INTERVAL, notify


class WorkerHeartbeat(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Step of a worker's consumer that sends heartbeats from the main loop.

    While the broker is away the main loop waits for it, so a thread sends them. A stopped process sends none.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._entry: Any = None
        self._is_away = threading.Event()
        self._thread: threading.Thread | None = None

    def include_if(self, consumer: Any) -> bool:  # noqa: ARG002  (Celery's signature)
        """Send heartbeats only to a supervisor that asks for them."""
        return bool(os.environ.get("NOTIFY_SOCKET"))

    def start(self, consumer: Any) -> None:
        """Send heartbeats from the main loop. Called after each connection to the broker."""
        self._is_away.clear()
        notify()
        self._entry = consumer.timer.call_repeatedly(INTERVAL, notify)

    def stop(self, consumer: Any) -> None:  # noqa: ARG002  (Celery's signature)
        """Send heartbeats from a thread. Called when the connection is lost, and when the worker stops."""
        if self._entry is not None:
            self._entry.cancel()
        self._is_away.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._notify_while_away, name="heartbeat", daemon=True)
            self._thread.start()

    def _notify_while_away(self) -> None:
        while self._is_away.wait():
            notify()
            threading.Event().wait(INTERVAL)

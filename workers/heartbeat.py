"""Heartbeats of workers and beat for their supervisor, in the protocol of systemd's watchdog (sd_notify)."""

import os
import socket
import threading
from contextlib import suppress
from typing import Any

from celery import bootsteps

INTERVAL = 5.0  # seconds
MESSAGE = b"WATCHDOG=1"


def notify() -> None:
    """Send one heartbeat to NOTIFY_SOCKET. Does nothing without a supervisor, and never blocks."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, suppress(OSError):
        sender.setblocking(False)
        sender.sendto(MESSAGE, address.replace("@", "\0", 1) if address.startswith("@") else address)


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

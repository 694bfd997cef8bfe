"""Scheduler of beat: sends heartbeats, and reports an unavailable broker in one line."""

import time
from functools import cached_property
from typing import Any

import structlog
from celery.beat import ScheduleEntry, Scheduler, SchedulingError
from kombu import Connection

from app.engine.broker import HEARTBEAT, close_if_silent
from workers.error_text import describe_error
from workers.watchdog import notify

REPORT_INTERVAL = 60.0  # seconds between two lines while the broker is away

log = structlog.get_logger()


class QuietScheduler(Scheduler):  # type: ignore[misc]  # Celery has no types
    """Celery's in-memory scheduler, without a traceback for each message that cannot be sent.

    A message that is not sent loses nothing, because each sweep depends on the state of the rows.
    """

    _failed = 0
    _reported_at = 0.0

    @cached_property
    def connection(self) -> Connection:
        """The connection of the producer. Celery's own has no heartbeats, so that a frozen node is not noticed."""
        connection: Connection = self.app.connection_for_write(heartbeat=HEARTBEAT)
        return connection

    def tick(self, *args: Any, **options: Any) -> float:
        """Send what is due. Returns the seconds to wait until the next tick."""
        notify()
        close_if_silent(self.connection)
        seconds: float = super().tick(*args, **options)
        return seconds

    def apply_async(self, entry: ScheduleEntry, *args: Any, **options: Any) -> Any:
        """Send the message of one sweep. Returns None if the broker does not take it."""
        notify()
        try:
            sent = super().apply_async(entry, *args, **options)
        except SchedulingError as error:
            self._report(error)
            return None
        if self._failed:
            log.warning("beat.broker_available", unsent=self._failed)
            self._failed = 0
        return sent

    def _report(self, error: SchedulingError) -> None:
        self._failed += 1
        if self._failed == 1 or time.monotonic() - self._reported_at > REPORT_INTERVAL:
            self._reported_at = time.monotonic()
            log.error("beat.broker_unavailable", because=describe_error(error), unsent=self._failed)

    def _ensure_connected(self) -> Connection:
        """Wait for the broker. Heartbeats go on meanwhile."""
        connection: Connection = self.connection.ensure_connection(self._on_refusal, callback=notify)
        return connection

    def _on_refusal(self, error: Exception, interval: float) -> None:
        log.error("beat.broker_unavailable", because=describe_error(error), next_try_in=interval)

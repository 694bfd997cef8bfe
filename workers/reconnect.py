"""Ask for the messages that may be lost, after each connection of a worker to the broker."""

from typing import Any, Final

import structlog
from celery import bootsteps

from app import clock
from app.engine.broker import SWEEPS
from workers.error_text import describe_error

PUBLISH_LOST: Final = "sweeps.publish_lost"  # name of the task
EXPIRES: Final = 60  # seconds; by then the regular sweep has published what is overdue

log = structlog.get_logger()


class AskForLostMessages(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Step of a worker's consumer: start the task that publishes lost steps again."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, consumer: Any) -> None:
        """Send the task's message. Called at the start, and after each lost connection."""
        try:
            consumer.app.send_task(
                PUBLISH_LOST,
                [clock.now().isoformat()],
                queue=SWEEPS,
                expires=EXPIRES,
                ignore_result=True,
                connection=consumer.connection,  # the new one: a kept one may still lead to a server that is gone
            )
        except Exception as error:  # noqa: BLE001  (the worker goes on; the regular sweep finds the steps later)
            log.warning("publish_lost.not_sent", because=describe_error(error))

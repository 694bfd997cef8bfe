"""Prefetch count of workers on quorum queues."""

from typing import Any, Final

from celery import bootsteps

from app.config import get_settings

# The highest count in AMQP. Without a count, RabbitMQ gives a consumer of a quorum queue at most 2,000 messages.
MOST_HELD: Final = 65_535


class FixedPrefetch(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Step of a worker's consumer: set the prefetch count of the consumer once.

    Quorum queues refuse a count for the whole channel, which Celery raises with each message that it holds.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def include_if(self, consumer: Any) -> bool:  # noqa: ARG002  (Celery's signature)
        """Leave classic queues and Valkey to Celery."""
        return get_settings().uses_quorum_queues

    def start(self, consumer: Any) -> None:
        """Set the count of consumers that start from now on. Called after each connection to the broker."""
        consumer.connection.default_channel.basic_qos(0, MOST_HELD, False)

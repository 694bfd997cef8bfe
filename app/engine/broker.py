"""Celery application, shared by publishers and workers. Comments give the reason for each setting."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from celery import Celery
from celery.app.amqp import AMQP
from celery.signals import setup_logging
from kombu import Connection, Exchange, Queue

from app import clock
from app.config import Settings, get_settings
from app.core.telemetry import logs
from app.core.type_aliases import JsonDict
from app.engine import redis_transport
from app.engine.step_kind import ACCOUNTS, BULK, DELIVERIES, STEPS, WEBHOOKS

SWEEPS = "sweeps"
# Seconds between two signs of life of RabbitMQ. Two that are missing end a connection: the node is frozen.
HEARTBEAT = 10
CLOSE_WITHIN = 3  # seconds; a frozen node does not confirm that a connection to it is closed
# Work that must not wait for bulk has workers of its own; priorities inside one queue would not do that.
QUEUES = (STEPS, DELIVERIES, ACCOUNTS, BULK, WEBHOOKS, SWEEPS)


def task_name(kind: str) -> str:
    """Return the name of the Celery task for a step kind."""
    return f"steps.{kind}"


class _SoonBack(Connection):
    """Connection that tries again at most three seconds later, and that a frozen node does not hold up.

    Celery's own pauses grow to 30 seconds.
    """

    def ensure_connection(self, *args: Any, **options: Any) -> Connection:
        """Wait for the broker. Returns this connection."""
        pauses = {"interval_start": 1, "interval_step": 1, "interval_max": 3}
        connection: Connection = super().ensure_connection(*args, **{**pauses, **options})  # type: ignore[no-untyped-call]
        return connection

    def _do_close_self(self) -> None:
        """Close, and wait for the node of RabbitMQ no longer than CLOSE_WITHIN. kombu would wait until it answers."""
        if (sock := getattr(self._connection, "sock", None)) is not None:
            sock.settimeout(CLOSE_WITHIN)
        super()._do_close_self()  # type: ignore[no-untyped-call]


class _Amqp(AMQP):  # type: ignore[misc]  # Celery has no types
    Connection = _SoonBack


def make_celery(settings: Settings) -> Celery:
    """Return the configured application. It opens no connection."""
    redis_transport.register()
    celery = Celery("relance", amqp=_Amqp)
    celery.conf.update(configuration(settings))
    return celery


def configuration(settings: Settings) -> JsonDict:
    """Return the configuration of the application."""
    url = settings.broker_url.get_secret_value()
    return {
        "broker_url": url,
        # Without these two, Flower shows an address of RabbitMQ, and workers log "No hostname was supplied".
        "broker_read_url": url,
        "broker_write_url": url,
        # A message only wakes a worker. It is redelivered after a crash, and processing it twice is harmless.
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_acks_on_failure": True,
        "task_acks_on_timeout": False,  # a message is redelivered after the hard time limit; that counts as an attempt
        "task_ignore_result": True,  # the row holds the result
        "result_backend": None,
        "task_soft_time_limit": settings.soft_time_limit,
        "task_time_limit": settings.hard_time_limit,
        "task_serializer": "json",
        "accept_content": ["json"],  # a pickle message is refused without stopping the worker
        "enable_utc": True,
        "timezone": "UTC",
        "task_queues": [_queue(name, settings) for name in QUEUES],
        "task_default_queue": STEPS,
        "task_default_exchange": STEPS,
        "task_default_routing_key": STEPS,
        "task_create_missing_queues": False,
        # 0: Celery never changes the prefetch count. `workers.prefetch` then sets it once.
        "worker_prefetch_multiplier": 0 if settings.uses_quorum_queues else 1,
        "worker_eta_task_limit": 5000,  # safety limit: the publisher stays far below it
        "worker_timer_precision": 0.01,
        "worker_soft_shutdown_timeout": 20,
        "worker_enable_soft_shutdown_on_idle": True,  # an idle worker puts held ETA messages back
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_send_task_events": True,
        "task_send_sent_event": False,  # workers already report to Flower; a second event doubles the cost
        "worker_hijack_root_logger": False,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,  # retry without limit
        "broker_connection_timeout": 3,
        "broker_heartbeat": HEARTBEAT,
        "task_publish_retry": True,
        "task_publish_retry_policy": {
            "max_retries": 2,
            "interval_start": 0,
            "interval_step": 0.2,
            "interval_max": 0.5,
        },
        "beat_max_loop_interval": 5,
        "beat_enable_remote_control": True,
        "visibility_timeout": settings.visibility_timeout,
        "broker_transport_options": _transport_options(settings),
    }


class _QuorumQueue(Queue):
    """Quorum queue of RabbitMQ. Celery sees a queue without a type.

    Celery gives messages of quorum queues to delay queues of its own, whose steps are whole seconds and which run due
    work up to 20 s late. Here workers hold the messages until their due time, as on every broker.
    """

    def queue_declare(self, nowait: bool = False, passive: bool = False, channel: Any = None) -> Any:
        """Declare the queue with its type. The signature is kombu's."""
        typed = Queue(self.name, queue_arguments={"x-queue-type": "quorum"})
        return typed.queue_declare(nowait, passive, channel or self.channel)


def _queue(name: str, settings: Settings) -> Queue:
    """Return a queue of the type that is set, also where the default of RabbitMQ's virtual host is another."""
    if settings.uses_quorum_queues:
        return _QuorumQueue(name, Exchange(name, type="direct"), routing_key=name)  # type: ignore[no-untyped-call]
    return Queue(name, Exchange(name, type="direct"), routing_key=name, queue_arguments={"x-queue-type": "classic"})


def _transport_options(settings: Settings) -> dict[str, object]:
    if not settings.broker_url.get_secret_value().startswith(("redis", "sentinel")):
        return {}
    return {
        **redis_transport.sentinel_options(settings),
        "visibility_timeout": settings.visibility_timeout,
        "unacked_restore_throttle": 1,
        "unacked_restore_interval": 10,
        "unacked_restore_limit": 500,
        # Without timeouts a hanging broker blocks the publisher for ever. Must exceed BRPOP's 1 s.
        "socket_timeout": 10,
        "socket_connect_timeout": 3,
        "socket_keepalive": True,
        "health_check_interval": 10,
    }


def close_if_silent(connection: Connection) -> None:
    """Close a connection to RabbitMQ that is frozen, so that the next message opens another one.

    A frozen node takes messages, which are lost, and closes no connection. Call it before messages, or now and then.
    """
    if not (connection.connected and connection.supports_heartbeats):
        return
    try:
        with suppress(TimeoutError):  # all heartbeats that have arrived are read
            connection.drain_events(timeout=0)
        connection.heartbeat_check()
    except connection.connection_errors:
        connection.collect()


@dataclass(frozen=True, slots=True)
class QueueState:
    """Messages waiting in a queue. Messages held by a worker do not count."""

    queue: str
    messages: int
    oldest_seconds: float


def queue_states() -> Iterator[QueueState]:
    """Yield the state of every queue. Broker errors propagate; the age of the oldest message is known on Redis only."""
    with celery.connection_for_read(transport_options=IMPATIENT) as connection:
        channel = connection.default_channel
        for queue in QUEUES:
            try:
                waiting = channel.queue_declare(queue=queue, passive=True).message_count
            except connection.channel_errors:
                waiting = 0  # Redis deletes an empty list
            yield QueueState(queue, waiting, _oldest(channel, queue) if waiting else 0.0)


def answering_workers(timeout: float) -> Iterator[tuple[str, str]]:
    """Yield queue and node name of each worker that answers in `timeout` seconds. Broker errors propagate.

    Two workers with one node name, as on two hosts of one name, are yielded twice. Celery's `inspect` shows one of
    them, and warns.
    """
    replies: list[dict[str, Any]] = celery.control.broadcast("active_queues", reply=True, timeout=timeout) or []
    for reply in replies:
        for node, queues in reply.items():
            yield from ((queue["name"], node) for queue in queues if queue["name"] in QUEUES)


IMPATIENT = {"socket_timeout": 2, "socket_connect_timeout": 2, "max_retries": 0}


def _oldest(channel: object, queue: str) -> float:
    client = getattr(channel, "client", None)
    raw = client.lindex(queue, -1) if client is not None else None
    sent_at = json.loads(raw)["headers"].get("sent_at") if raw else None
    return 0.0 if sent_at is None else clock.now().timestamp() - float(sent_at)


@setup_logging.connect
def _log_as_the_application_does(**_: object) -> None:
    logs.configure()


celery = make_celery(get_settings())

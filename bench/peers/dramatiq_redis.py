"""dramatiq on Valkey. Its workers hold delayed messages in memory and enqueue them again when they are due."""

from collections.abc import Sequence
from datetime import UTC, datetime

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AgeLimit, Retries, ShutdownNotifications, TimeLimit

from bench.peers.effect import BROKER_URL, create_task

broker = RedisBroker(url=BROKER_URL, middleware=[AgeLimit(), TimeLimit(), ShutdownNotifications(), Retries()])
dramatiq.set_broker(broker)


@dramatiq.actor
def run_job(lead_id: str, due_at: str) -> None:
    create_task(lead_id, due_at)


def enqueue(jobs: Sequence[tuple[str, datetime]]) -> None:
    for lead_id, due_at in jobs:
        run_job.send_with_options(args=(lead_id, due_at.isoformat()), delay=_milliseconds_until(due_at))


def _milliseconds_until(due_at: datetime) -> int | None:
    wait = (due_at - datetime.now(UTC)).total_seconds()
    return round(wait * 1000) if wait > 0 else None

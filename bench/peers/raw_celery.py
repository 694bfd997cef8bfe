"""Celery on Valkey with an ETA on each message: Relance's foundation without its step rows."""

from collections.abc import Sequence
from datetime import datetime

from celery import Celery

from bench.peers.effect import BROKER_URL, create_task

app = Celery("bench", broker=BROKER_URL)
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=64,
    worker_timer_precision=0.1,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)


@app.task(name="create_task")
def run_job(lead_id: str, due_at: str) -> None:
    create_task(lead_id, due_at)


def enqueue(jobs: Sequence[tuple[str, datetime]]) -> None:
    with app.producer_pool.acquire() as producer:
        for lead_id, due_at in jobs:
            run_job.apply_async((lead_id, due_at.isoformat()), eta=due_at, producer=producer)

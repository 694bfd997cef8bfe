"""huey on Valkey. Tasks with an ETA wait in a sorted set, which its scheduler reads once a second."""

from collections.abc import Sequence
from datetime import datetime

from huey import RedisHuey

from bench.peers.effect import BROKER_URL, create_task

huey = RedisHuey("bench", url=BROKER_URL, results=False)


@huey.task()
def run_job(lead_id: str, due_at: str) -> None:
    create_task(lead_id, due_at)


def enqueue(jobs: Sequence[tuple[str, datetime]]) -> None:
    for lead_id, due_at in jobs:
        run_job.schedule((lead_id, due_at.isoformat()), eta=due_at)

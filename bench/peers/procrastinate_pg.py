"""procrastinate on PostgreSQL. A job is a row, as durable as Relance's. Scheduled jobs are polled."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from procrastinate import App, PsycopgConnector

from bench.peers.effect import DATABASE_URL, create_task_async

app = App(connector=PsycopgConnector(conninfo=DATABASE_URL, min_size=4, max_size=12))


@app.task(name="create_task")
async def run_job(lead_id: str, due_at: str) -> None:
    await create_task_async(lead_id, due_at)


def install() -> None:
    with app.open():
        app.schema_manager.apply_schema()


def enqueue(jobs: Sequence[tuple[str, datetime]]) -> None:
    with app.open():
        for due_at, alike in groupby(jobs, key=itemgetter(1)):
            arguments = [{"lead_id": lead_id, "due_at": due_at.isoformat()} for lead_id, _ in alike]
            run_job.configure(schedule_at=due_at).batch_defer(*arguments)

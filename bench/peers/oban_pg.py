"""Oban for Python on PostgreSQL. A job is a row. Scheduled jobs are staged by polling. Needs Python 3.12 or newer."""

import asyncio
import signal
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
import uvloop
from oban import Oban, worker
from oban.schema import install as install_schema
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool

from bench.peers.effect import DATABASE_URL, create_task_async

CONCURRENCY = 40
STAGE_EVERY_SECONDS = 0.02


@worker(queue="default")
class CreateTask:
    async def process(self, job: Any) -> None:
        await create_task_async(**job.args)


def install() -> None:
    uvloop.run(_install())


def enqueue(jobs: Sequence[tuple[str, datetime]]) -> None:
    uvloop.run(_enqueue(jobs))


def work() -> None:
    """Start Oban like `oban start`, with the staging interval, which its command line cannot set."""
    set_json_dumps(orjson.dumps)
    set_json_loads(orjson.loads)
    uvloop.run(_work())


async def _install() -> None:
    async with _pool() as pool:
        await install_schema(pool)


async def _enqueue(jobs: Sequence[tuple[str, datetime]]) -> None:
    async with _pool() as pool, Oban(pool=pool) as oban:
        await oban.enqueue_many(
            CreateTask.new({"lead_id": lead_id, "due_at": due_at.isoformat()}, scheduled_at=due_at)
            for lead_id, due_at in jobs
        )


async def _work() -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    stager = {"interval": STAGE_EVERY_SECONDS}
    async with _pool() as pool, Oban(pool=pool, queues={"default": CONCURRENCY}, stager=stager):
        await stopped.wait()


def _pool() -> AsyncConnectionPool[Any]:
    return AsyncConnectionPool(DATABASE_URL, min_size=2, max_size=10, open=False)

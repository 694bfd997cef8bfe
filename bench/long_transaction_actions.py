"""Benchmark action inside Relance: publish waves of due steps, and wait until the workers have run them."""

import time
from typing import Any
from uuid import UUID

import psycopg

from app.config import get_settings
from app.core.db import new_id
from app.core.telemetry import logs
from app.engine.models import Kind
from bench.cpu import seconds_of
from bench.volume import Connection, add_steps
from bench.waiting import wait_until
from workers.sweeps import run

SECONDS_LATE = 1.0  # the steps of a wave are due within the last second
TIMEOUT_SECONDS = 300.0
_RATE = """
SELECT count(*) FILTER (WHERE at > first) / extract(epoch FROM max(at) - first) FROM (
    SELECT at, min(at) OVER () AS first FROM (
        SELECT pg_xact_commit_timestamp(xmin) AS at FROM lead_tasks WHERE id > %s) AS commits) AS dated
GROUP BY first
"""


def drain_waves(params: dict[str, Any]) -> list[dict[str, float]]:
    """Insert, publish and drain waves of due steps, one after the other. The workers run already.

    `waves`: their number; `steps`: of each; `before`: the number of steps that were inserted earlier; `postmaster`:
    process id of PostgreSQL. Returns of each wave: steps/s between the first and the last commit, milliseconds of the
    sweep that published the steps, and microseconds of PostgreSQL's CPU time for a step.
    """
    logs.configure()
    url = get_settings().database_url.get_secret_value().replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(url, autocommit=True) as connection:
        return [
            _drain(connection, params["steps"], params["before"] + number * params["steps"], params["postmaster"])
            for number in range(params["waves"])
        ]


def _drain(connection: Connection, steps: int, before: int, postmaster: int) -> dict[str, float]:
    add_steps(connection, steps, first=-SECONDS_LATE, last=0, kinds=[Kind.CREATE_TASK], after=before)
    first_id, cpu = new_id(), seconds_of(postmaster)
    began = time.perf_counter()
    run.sweep("publish_due_steps")
    sweep = time.perf_counter() - began
    wait_until(lambda: _done(connection, first_id) >= steps, f"{steps} steps", timeout=TIMEOUT_SECONDS)
    return {
        "rate": float(connection.execute(_RATE, [first_id]).fetchall()[0][0]),
        "sweep": sweep * 1000,
        "cpu": (seconds_of(postmaster) - cpu) / steps * 1e6,
    }


def _done(connection: Connection, first_id: UUID) -> int:
    """Return how many tasks were created since. It reads no older rows."""
    return int(connection.execute("SELECT count(*) FROM lead_tasks WHERE id > %s", [first_id]).fetchall()[0][0])

"""The effect of every peer's job: insert and commit one task row. Imported by their worker processes.

In autocommit the insert and its commit are one round trip, the cheapest way there is. Connections are kept: one for
each process, thread or coroutine that runs jobs.
"""

import os
import threading
import uuid
from typing import Any

import psycopg

SCHEMA = """
CREATE TABLE bench_tasks (
    id uuid PRIMARY KEY,
    clinic_id uuid NOT NULL,
    lead_id uuid NOT NULL,
    assigned_to_id uuid,
    title text NOT NULL,
    type text NOT NULL,
    priority text NOT NULL,
    status text NOT NULL,
    due_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""
INSERT = """
INSERT INTO bench_tasks (id, clinic_id, lead_id, assigned_to_id, title, type, priority, status, due_at)
VALUES (%s, %s, %s, %s, 'Initial Contact', 'CALL', 'URGENT', 'PENDING', %s)
"""
CLINIC = uuid.UUID(int=1)
COORDINATOR = uuid.UUID(int=2)

DATABASE_URL = os.environ.get("BENCH_DATABASE_URL", "")
BROKER_URL = os.environ.get("BENCH_BROKER_URL", "")

_kept = threading.local()
_free: list[psycopg.AsyncConnection[Any]] = []


def create_task(lead_id: str, due_at: str) -> None:
    """Insert and commit the row, on the connection of this thread."""
    if not hasattr(_kept, "connection"):
        _kept.connection = psycopg.connect(DATABASE_URL, autocommit=True)
    _kept.connection.execute(INSERT, values_for(lead_id, due_at))


async def create_task_async(lead_id: str, due_at: str) -> None:
    """Insert and commit the row, on a connection that no other coroutine uses."""
    connection = _free.pop() if _free else await psycopg.AsyncConnection.connect(DATABASE_URL, autocommit=True)
    await connection.execute(INSERT, values_for(lead_id, due_at))
    _free.append(connection)


def values_for(lead_id: str, due_at: str) -> tuple[object, ...]:
    return (uuid.uuid4(), CLINIC, uuid.UUID(lead_id), COORDINATOR, due_at)

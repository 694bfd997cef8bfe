"""Databases with years of data: skewed rows, generated set-wise by PostgreSQL.

A few clinics have most of the leads, a few users most of a clinic's work, old leads the longest timelines. Rows go in
by the time they were made, so those of one lead lie far apart, as they would.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from bench.servers import Servers
from bench.volume_rows import (
    ACTIVITIES,
    LEADS,
    MESSAGES,
    OPEN_SHARE,
    REPLIES,
    STEPS,
    TASKS,
    WITHOUT_NEXT_ACTION,
    WORKERS,
)

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Worker:
    """A user with leads: the rank of the clinic and the user's rank in it, both from 0, the busiest first."""

    clinic: int
    place: int
    clinic_id: str
    source_id: str
    user_id: str


@contextmanager
def loading(servers: Servers) -> Iterator[Connection]:
    """Open a connection for bulk loading, without foreign key checks: the generated rows are consistent."""
    with psycopg.connect(servers.database_url(), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET work_mem = '256MB'")
        yield connection
        connection.execute("VACUUM (ANALYZE)")  # autovacuum would do it later, during a measurement
        connection.execute("CHECKPOINT")


def add_leads(connection: Connection, workers: Sequence[Worker], count: int, *, only_open: bool = False) -> None:
    """Insert leads of two years, the newest last."""
    connection.execute(WORKERS)
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO worker VALUES (%s, %s, %s, %s, %s)",
            [(one.clinic, one.place, one.clinic_id, one.source_id, one.user_id) for one in workers],
        )
    connection.execute("ANALYZE worker")
    connection.execute(LEADS, {"count": count, "luck": OPEN_SHARE if only_open else 1.0})


def add_tasks(connection: Connection, count: int) -> None:
    """Insert tasks for the existing leads, most of them completed, and flag open leads without a task."""
    _number_leads(connection)
    connection.execute(TASKS, {"count": count})
    connection.execute(WITHOUT_NEXT_ACTION)


def add_activities(connection: Connection, count: int) -> None:
    """Insert activities of the existing leads."""
    _number_leads(connection)
    connection.execute(ACTIVITIES, {"count": count})


def add_messages(connection: Connection) -> None:
    """Insert messages of rules and sequences to the existing leads, and replies."""
    _number_leads(connection)
    connection.execute(MESSAGES)
    connection.execute(REPLIES)


def add_steps(
    connection: Connection, count: int, *, first: float, last: float, kinds: Sequence[str], after: int = 0
) -> None:
    """Insert planned steps of the existing leads, due from `first` to `last` seconds from now, of several kinds.

    `after`: the number of steps that were inserted before, so that the next leads get these.
    """
    _number_leads(connection)
    given = {"count": count, "first": first, "last": last, "kinds": list(kinds), "after": after}
    connection.execute(STEPS, given)


def _number_leads(connection: Connection) -> None:
    connection.execute(
        "CREATE TEMP TABLE IF NOT EXISTS numbered AS SELECT row_number() OVER (ORDER BY id) - 1 AS n, id, clinic_id,"
        " assigned_to_id, created_at, status IN ('NEW', 'ACTIVE') AS is_open FROM leads"
    )
    connection.execute("ANALYZE numbered")

"""Relance in the drain and lateness benchmarks: a create_task step, claimed, guarded, done and recorded."""

import json
from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg

from bench.application import begin, environment, run_action
from bench.contestants import Completion, Contestant, Job
from bench.cpu import database_seconds
from bench.processes import Processes, python
from bench.servers import Servers

WORKER = (
    "-m",
    "celery",
    "-A",
    "workers.app",
    "worker",
    "-Q",
    "steps",
    "-c",
    "2",
    "-n",
    "bench@%h",
    "--loglevel=WARNING",
)


def contestants(servers: Servers) -> list[Contestant]:
    """Return both variants: a message for each step, and a message for a hundred steps that are due together."""
    return [
        Relance("Relance, a message per step", servers, messages_of=1),
        Relance("Relance", servers, messages_of=100),
    ]


class Relance:
    """Implements `bench.contestants.Contestant`."""

    def __init__(self, name: str, servers: Servers, *, messages_of: int, enqueues_by: str = "enqueue") -> None:
        self.name = name
        self._enqueues_by = enqueues_by
        self._servers = servers
        self._messages_of = messages_of
        self._workers = Processes(servers.folder / "relance.log")
        self._clinic: dict[str, Any] = {}
        self._connection: psycopg.Connection[Any] | None = None

    def prepare(self) -> None:
        self._clinic = begin(self._servers, rules=False)
        self._connection = psycopg.connect(self._servers.database_url(), autocommit=True)

    def enqueue(self, jobs: Sequence[Job]) -> None:
        params = {"clinic": self._clinic, "jobs": [(str(job.lead_id), job.due_at.isoformat()) for job in jobs]}
        run_action(self._servers, self._enqueues_by, json.dumps(params), {"BATCH_SIZE": str(self._messages_of)})

    def start_workers(self) -> None:
        self._workers.start(python(*WORKER, "--without-gossip", "--without-mingle"), environment(self._servers))

    def check(self) -> None:
        self._workers.check()

    def done(self) -> int:
        return int(self._execute("SELECT count(*) FROM lead_tasks")[0][0])

    def cpu_seconds(self) -> float:
        return self._workers.cpu_seconds() + database_seconds(self._servers)

    def completions(self) -> list[Completion]:
        rows = self._execute(
            "SELECT t.lead_id, s.due_at, pg_xact_commit_timestamp(t.xmin) FROM lead_tasks t"
            " JOIN steps s ON s.id = t.step_id WHERE s.state = 'done'"
        )
        return [Completion(*row) for row in rows]

    def forget(self) -> None:
        self._execute("DELETE FROM lead_tasks")
        self._execute("DELETE FROM steps WHERE state = 'done'")

    def stop(self) -> None:
        self._workers.stop()
        if self._connection is not None:
            self._connection.close()

    def _execute(self, statement: LiteralString) -> list[tuple[Any, ...]]:
        assert self._connection is not None, "prepare() comes first"
        cursor = self._connection.execute(statement)
        return cursor.fetchall() if cursor.description else []

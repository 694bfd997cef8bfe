"""A peer in the benchmark: implements the interface with processes and the table `bench_tasks`."""

import json
import subprocess
from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg

from bench.contestants import Completion, Contestant, Job
from bench.cpu import database_seconds
from bench.peers.catalog import PEERS, Peer
from bench.peers.effect import SCHEMA
from bench.processes import Processes, python, run
from bench.servers import Servers


def contestants(servers: Servers) -> list[Contestant]:
    """Return the peers that are installed. The README's table of peers names the others."""
    return [PeerContestant(peer, servers) for peer in PEERS if version_of(peer)]


def version_of(peer: Peer) -> str:
    """Return the version of a peer's package in its interpreter; empty if it is not installed."""
    script = f"import importlib.metadata, {peer.package}; print(importlib.metadata.version({peer.package!r}))"
    asked = subprocess.run([peer.python, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    return asked.stdout.strip()


class PeerContestant:
    """Implements `bench.contestants.Contestant` for any peer of the catalog."""

    def __init__(self, peer: Peer, servers: Servers) -> None:
        self.name = peer.name
        self._peer = peer
        self._servers = servers
        self._env = {
            "BENCH_DATABASE_URL": servers.database_url(),
            "BENCH_BROKER_URL": servers.broker_url,
            **peer.env,
        }
        self._workers = Processes(servers.folder / f"{peer.package}.log")
        self._connection: psycopg.Connection[Any] | None = None

    def prepare(self) -> None:
        self._servers.flush_broker()
        self._connection = psycopg.connect(self._servers.fresh_database(), autocommit=True)
        self._execute(SCHEMA)
        if self._peer.needs_schema:
            self._run("install")

    def enqueue(self, jobs: Sequence[Job]) -> None:
        self._run("enqueue", stdin=json.dumps([(str(job.lead_id), job.due_at.isoformat()) for job in jobs]))

    def start_workers(self) -> None:
        for arguments in self._peer.workers:
            self._workers.start(python(*arguments, interpreter=self._peer.python), self._env)

    def check(self) -> None:
        self._workers.check()

    def done(self) -> int:
        return int(self._execute("SELECT count(*) FROM bench_tasks")[0][0])

    def cpu_seconds(self) -> float:
        return self._workers.cpu_seconds() + database_seconds(self._servers)

    def completions(self) -> list[Completion]:
        rows = self._execute("SELECT lead_id, due_at, pg_xact_commit_timestamp(xmin) FROM bench_tasks")
        return [Completion(*row) for row in rows]

    def forget(self) -> None:
        self._execute("DELETE FROM bench_tasks")

    def stop(self) -> None:
        self._workers.stop()
        if self._connection is not None:
            self._connection.close()

    def _run(self, command: str, *, stdin: str = "") -> None:
        arguments = python("-m", "bench.peers.run", self._peer.module, command, interpreter=self._peer.python)
        run(arguments, env=self._env, stdin=stdin)

    def _execute(self, statement: LiteralString) -> list[tuple[Any, ...]]:
        assert self._connection is not None, "prepare() comes first"
        cursor = self._connection.execute(statement)
        return cursor.fetchall() if cursor.description else []

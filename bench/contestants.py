"""The interface of every benchmarked queue, Relance included.

A contestant's job is always the same: insert one task-like row into PostgreSQL and commit. When it ran is read off
that commit (`pg_xact_commit_timestamp`), by the single clock of the server.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class Job:
    """A follow-up to run: its lead (unique within a run) and its due time, an aware datetime."""

    lead_id: uuid.UUID
    due_at: datetime


@dataclass(frozen=True)
class Completion:
    """A committed row of a job: its due time and its commit time on the server."""

    lead_id: uuid.UUID
    due_at: datetime
    committed_at: datetime


class Contestant(Protocol):
    """A queue with one way of using it. The methods are called in this order, once per run."""

    name: str

    def prepare(self) -> None:
        """Reset: fresh tables, empty queues."""

    def enqueue(self, jobs: Sequence[Job]) -> None:
        """Enqueue the jobs durably. The scenario calls it before or after the workers start."""

    def start_workers(self) -> None:
        """Start two worker processes and return without waiting for them."""

    def check(self) -> None:
        """Raise an error if a worker has died."""

    def done(self) -> int:
        """Return the number of committed jobs. Called four times a second, so it must be cheap."""

    def cpu_seconds(self) -> float:
        """Return the CPU seconds of the workers and of the sessions of PostgreSQL."""

    def completions(self) -> list[Completion]:
        """Return every committed row. A job that ran twice has two."""

    def forget(self) -> None:
        """Delete the committed rows of the warm-up while the workers run."""

    def stop(self) -> None:
        """Stop the workers. After a failure this may be called before they were started."""

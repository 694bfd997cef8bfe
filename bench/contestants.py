"""What every queue in the race implements, Relance included.

A contestant's job is always the same: insert one task-like row into PostgreSQL and commit. When it ran is read off
that commit (`pg_xact_commit_timestamp`), by the server's one clock, so nobody is timed by a clock of its own.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class Job:
    """One follow-up to be run: the lead it is for (unique within a run) and the aware instant it is due."""

    lead_id: uuid.UUID
    due_at: datetime


@dataclass(frozen=True)
class Completion:
    """A job's row, committed: when it was due and when the server committed it."""

    lead_id: uuid.UUID
    due_at: datetime
    committed_at: datetime


class Contestant(Protocol):
    """One queue with one way of using it. The calls come in this order, once per run."""

    name: str

    def prepare(self) -> None:
        """Leave nothing of the run before: fresh tables, empty queues."""

    def enqueue(self, jobs: Sequence[Job]) -> None:
        """Hand over the jobs durably; called before or after the workers are started, as the scenario says."""

    def start_workers(self) -> None:
        """Start two worker processes and return at once; they need not be ready."""

    def check(self) -> None:
        """Raise if a worker has died."""

    def done(self) -> int:
        """How many jobs are committed; cheap, asked four times a second."""

    def completions(self) -> list[Completion]:
        """Every committed row; a job that ran twice is there twice."""

    def forget(self) -> None:
        """Remove the committed rows (of the warm-up), and nothing else, while the workers run."""

    def stop(self) -> None:
        """End the workers. Also called after a failure, and then possibly before they were started."""

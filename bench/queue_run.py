"""Run one contestant once: reset, run, check the result, and stop all processes."""

import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from bench.adapters import offered
from bench.contestants import Completion, Contestant, Job
from bench.peers.peer import contestants as peers
from bench.servers import Servers
from bench.waiting import wait_until

WARM_UP_JOBS = 50
START_SECONDS = 60.0
SETTLE_SECONDS = 1.0


class NotExactlyOnce(Exception):
    """A contestant lost or duplicated jobs, so its figures are invalid."""


def all_contestants(servers: Servers, *, only: str = "") -> list[Contestant]:
    """Return the installed peers, then Relance; with `only`, those whose name contains it."""
    everyone: list[Contestant] = [*peers(servers), *offered("contestants", servers)]
    return [one for one in everyone if only.lower() in one.name.lower()]


def jobs_due(instants: Sequence[datetime]) -> list[Job]:
    return [Job(uuid.uuid4(), instant) for instant in instants]


@contextmanager
def prepared(contestant: Contestant) -> Iterator[Contestant]:
    """Reset the contestant, and stop its workers at the end of the block."""
    contestant.prepare()
    try:
        yield contestant
    finally:
        contestant.stop()


def warm_up(contestant: Contestant) -> None:
    """Start the workers and let them run a few jobs, so that imports and connections are not measured."""
    contestant.start_workers()
    contestant.enqueue(jobs_due([datetime.now(UTC)] * WARM_UP_JOBS))
    wait_done(contestant, WARM_UP_JOBS, timeout=START_SECONDS)
    time.sleep(SETTLE_SECONDS)
    contestant.forget()


def wait_done(contestant: Contestant, count: int, *, timeout: float, every: float = 0.25) -> None:
    """Wait until `count` jobs are committed; raise when a worker dies or `timeout` seconds have passed."""

    def all_done() -> bool:
        contestant.check()
        return contestant.done() >= count

    wait_until(all_done, f"{contestant.name}: {count} jobs", timeout=timeout, every=every)


def checked_completions(contestant: Contestant, jobs: Sequence[Job]) -> list[Completion]:
    """Return the completions of `jobs`, ordered by commit. Raises when one is missing or duplicated."""
    completions = contestant.completions()
    if sorted(done.lead_id for done in completions) != sorted(job.lead_id for job in jobs):
        distinct = len({done.lead_id for done in completions})
        raise NotExactlyOnce(f"{contestant.name}: {len(jobs)} jobs, {len(completions)} rows, {distinct} distinct")
    return sorted(completions, key=lambda done: done.committed_at)

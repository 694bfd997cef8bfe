"""Drain: throughput of a backlog of due steps."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from bench.contestants import Completion, Contestant
from bench.figures import Row
from bench.peers.catalog import split
from bench.queue_run import all_contestants, checked_completions, jobs_due, prepared, wait_done
from bench.rounds import in_rounds
from bench.servers import Servers

TITLE = "Drain: a backlog of jobs that are already due"
METHOD = """10,000 jobs, due a minute ago, are enqueued while no worker runs; then the workers start.
**jobs/s** is measured from the first commit to the last, without the jobs of the first commit; it excludes the start.
**until all done** is measured from the start of the worker processes to the last commit; it includes the start.
**CPU** is that of the workers and of PostgreSQL together for each job, without the start."""

RATE = "jobs/s"
UNTIL_DONE = "until all done (s)"
CPU = "CPU (ms)"
OVERDUE = timedelta(minutes=1)
TIMEOUT_SECONDS = 300.0


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    count = 1_000 if quick else 10_000
    return in_rounds(all_contestants(servers, only=only), runs, lambda one: drain(one, count))


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Compare Relance's rates with those of raw Celery and of the best peer."""
    peers, ours = split(rows)
    if not peers:
        return []
    best = max(peers, key=_median_rate)
    return [
        f"{one.name}: {_median_rate(one) / _median_rate(peers[0]):.1f} times {peers[0].name}, "
        f"{_median_rate(one) / _median_rate(best):.1f} times the best peer, {best.name}."
        for one in ours
    ]


def _median_rate(one: Row) -> float:
    return one.figures[RATE].median


def drain(contestant: Contestant, count: int) -> dict[str, float]:
    """Return the figures of one run."""
    jobs = jobs_due([datetime.now(UTC) - OVERDUE] * count)
    with prepared(contestant):
        contestant.enqueue(jobs)
        started = datetime.now(UTC)
        contestant.start_workers()
        wait_done(contestant, 1, timeout=TIMEOUT_SECONDS, every=0.02)
        already, began = contestant.done(), contestant.cpu_seconds()
        wait_done(contestant, count, timeout=TIMEOUT_SECONDS)
        cpu = (contestant.cpu_seconds() - began) * 1000 / max(1, count - already)
        completions = checked_completions(contestant, jobs)
    until_done = (completions[-1].committed_at - started).total_seconds()
    return {RATE: rate(completions), UNTIL_DONE: until_done, CPU: cpu}


def rate(completions: Sequence[Completion]) -> float:
    """Return the jobs per second between the first and the last commit. `completions` are ordered by commit.

    What the first commit holds (one job, or a whole batch) was done before the clock starts and is not counted.
    """
    first, last = completions[0].committed_at, completions[-1].committed_at
    counted = sum(done.committed_at > first for done in completions)
    return counted / (last - first).total_seconds()

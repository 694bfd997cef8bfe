"""Lateness: time from due to done under steady load."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from bench.contestants import Contestant
from bench.figures import Row, percentile
from bench.peers.catalog import split
from bench.queue_run import all_contestants, checked_completions, jobs_due, prepared, wait_done, warm_up
from bench.rounds import in_rounds
from bench.servers import Servers

TITLE = "Lateness: jobs due at their own times"
METHOD = """2,000 jobs, spread evenly over 20 s (one every 10 ms), are enqueued while warmed-up workers run, all of them
before the first is due. Lateness is the commit time minus the due time, in milliseconds, by PostgreSQL's clock, over
all jobs of a run."""

PERCENTS = {"p50 (ms)": 50, "p95 (ms)": 95, "p99 (ms)": 99, "max (ms)": 100}
GAP = timedelta(milliseconds=10)
TARGET_P99_MS = 50
LEAD_IN = timedelta(seconds=8)
GRACE_SECONDS = 60.0


class EnqueuedTooLate(Exception):
    """Enqueuing took longer than the lead-in, so some jobs were late before a worker could receive them."""


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    count = 300 if quick else 2_000
    return in_rounds(all_contestants(servers, only=only), runs, lambda one: measure_lateness(one, count))


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Compare Relance's 99th percentile with the target."""
    _, ours = split(rows)
    late = {one.name: one.figures["p99 (ms)"].median for one in ours}
    return [f"{name}: p99 {value:.0f} ms (to reach: under {TARGET_P99_MS} ms)." for name, value in late.items()]


def measure_lateness(
    contestant: Contestant, count: int, *, gap: timedelta = GAP, lead_in: timedelta = LEAD_IN
) -> dict[str, float]:
    """Return the lateness of jobs that are due one after the other. They are enqueued within `lead_in`."""
    with prepared(contestant):
        warm_up(contestant)
        first_due = datetime.now(UTC) + lead_in
        jobs = jobs_due([first_due + gap * number for number in range(count)])
        contestant.enqueue(jobs)
        if datetime.now(UTC) > first_due:
            raise EnqueuedTooLate(contestant.name)
        span = (lead_in + gap * count).total_seconds()
        wait_done(contestant, count, timeout=span + GRACE_SECONDS)
        late = [_milliseconds(done.committed_at - done.due_at) for done in checked_completions(contestant, jobs)]
    return {title: percentile(late, percent) for title, percent in PERCENTS.items()}


def _milliseconds(span: timedelta) -> float:
    return span / timedelta(milliseconds=1)

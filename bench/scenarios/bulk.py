"""Bulk follow-ups: time to create a follow-up for every lead of a list."""

from collections.abc import Sequence

from bench.bulk_methods import BULK, SECONDS, WEB, by_copy, by_executemany, by_relance
from bench.figures import Row
from bench.servers import Servers
from bench.sizes import on_memory, run_sizes, target_result

TITLE = "Bulk: follow-ups for thousands of leads with one call"
METHOD = """`POST /api/followups/bulk` with the lead ids, one call. The time runs from the request until the job is
done: every lead has its task, and every task its planned reminder, committed in the same transaction. Web and workers
run as in the Procfile (two web workers, one bulk worker), after a small warm-up job. **Peak** is their largest
proportional set size, sampled five times a second. The bare rows show the time of one connection that inserts the same
number of task rows into the same table, with its indexes and foreign keys, in one transaction."""

SIZES, QUICK_SIZES = (10_000, 100_000), (1_000, 5_000)
WITHIN_SECONDS = {10_000: 2.0, 100_000: 20.0}
VARIANTS = {"Relance": by_relance, "bare COPY": by_copy, "bare executemany": by_executemany}


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    return run_sizes(servers, QUICK_SIZES if quick else SIZES, VARIANTS, runs=runs, only=only)


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Compare Relance's times with the targets, and the memory of the larger job with the smaller."""
    ours = [one for one in rows if WEB in one.figures]
    return [*_in_time(ours), *on_memory(ours, (WEB, BULK))]


def _in_time(ours: Sequence[Row]) -> list[str]:
    seconds = {one.name: one.figures[SECONDS].median for one in ours}
    within = {f"{count:,}, Relance": most for count, most in WITHIN_SECONDS.items()}
    return [
        f"{name}: {seconds[name]:.1f} s: {target_result(seconds[name] < most)} (to reach: {most:.0f} s)."
        for name, most in within.items()
        if name in seconds
    ]

"""Pending, large: ten million pending steps."""

from collections.abc import Sequence
from functools import partial

from bench.figures import Row
from bench.rounds import in_rounds
from bench.scenarios.pending import Backlog, compare, measure_backlog
from bench.servers import Servers

TITLE = "Pending, large: ten million pending steps"
METHOD = """As in pending, with 10,000,000 steps."""

SIZES, QUICK_SIZES = (10_000, 10_000_000), (2_000, 20_000)


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    backlogs = [Backlog(steps) for steps in (QUICK_SIZES if quick else SIZES)]
    chosen = [one for one in backlogs if only.lower() in one.name]
    return in_rounds(chosen, runs, partial(measure_backlog, servers))


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Compare the large backlog with the small one."""
    return compare(rows)

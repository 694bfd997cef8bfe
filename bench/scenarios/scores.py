"""Scores: the time to score all leads of a large clinic, and one lead."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from bench.application import begin, run_action
from bench.figures import Row
from bench.rounds import in_rounds
from bench.scenarios.analytics import fill
from bench.servers import Servers

TITLE = "Scores: 100,000 leads with 1,000,000 activities"
METHOD = """One clinic with all leads. **all leads** is the time of one process that computes the score of each lead in
batches of 2,000: facts are read, and the parts are made. **one lead** is the median of 200 leads one by one, with their
queries. Nothing is stored: most scores do not change."""

TARGET_SECONDS, TARGET_MS = 10.0, 1.0
ALL, CPU, ONE = "all leads (s)", "CPU of the process (s)", "one lead (ms)"


class Kind(NamedTuple):
    """A case: how the scores are computed."""

    name: str
    is_learned: bool


KINDS = (Kind("the default table", False), Kind("learned weights", True))


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    begin(servers, rules=True)
    reader = fill(servers, leads=5_000 if quick else 100_000, activities=50_000 if quick else 1_000_000)
    chosen = [kind for kind in KINDS if only.lower() in kind.name]
    return in_rounds(chosen, runs, lambda kind: _measure(servers, reader.clinic_id, kind))


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Compare the times with the targets."""
    figures = {row.name: (row.figures[ALL].median, row.figures[ONE].median) for row in rows}
    targets = f"(to reach: under {TARGET_SECONDS:.0f} s and {TARGET_MS:.0f} ms)"
    return [
        f"{name}: {every:.1f} s for all leads, {one:.2f} ms for one {targets}."
        for name, (every, one) in figures.items()
    ]


def _measure(servers: Servers, clinic_id: str, kind: Kind) -> dict[str, float]:
    spent = run_action(servers, "time_scores", json.dumps({"clinic_id": clinic_id, "learned": kind.is_learned}))
    return {ALL: spent["all"], CPU: spent["cpu"], ONE: spent["one"]}

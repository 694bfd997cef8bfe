"""Cost of the decision log, of search keys and of the comparison of names, as parts of a capture or step."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from bench.application import begin, run_action
from bench.figures import Row
from bench.rounds import in_rounds
from bench.servers import Servers

TITLE = "Parts: what decisions, search keys and alike names cost"
METHOD = """A lead is posted, and two rules plan its first steps; or a worker runs steps in batches of 100 that each
create a task, to which a rule listens. Alternating every 100, within one process, a part of the work is done or left
out: the decisions of all rules, which are inserted with the steps; the keys by which searches find the lead; the
comparison with leads whose names sound alike. **CPU** is that of the process and of PostgreSQL together, per lead or
step."""

WITH, WITHOUT = "with, CPU (ms)", "without, CPU (ms)"


@dataclass(frozen=True)
class Part:
    """A part of a repeated action, and the share that it may add to the cost of the rest."""

    name: str
    action: str
    part: str
    target: float


PARTS = (
    Part("decisions of a capture", "capture", "decisions", 0.10),
    Part("decisions of a step", "step", "decisions", 0.10),
    Part("search keys of a capture", "capture", "search keys", 0.05),
    Part("alike names of a capture", "capture", "alike names", 0.10),
)


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    turns = 2 if quick else 20
    chosen = [part for part in PARTS if only.lower() in part.name.lower()]
    return in_rounds(chosen, runs, lambda part: _measure(servers, part, turns))


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Return what each part adds to the cost of the rest."""
    targets = {part.name: part.target for part in PARTS}
    added = {row.name: row.figures[WITH].median / row.figures[WITHOUT].median - 1 for row in rows}
    return [
        f"{name[0].upper()}{name[1:]}: {share:.1%} more (to reach: under {targets[name]:.0%})."
        for name, share in added.items()
    ]


def _measure(servers: Servers, part: Part, turns: int) -> dict[str, float]:
    clinic = begin(servers, rules=True)
    params = {
        "action": part.action,
        "part": part.part,
        "clinic": clinic,
        "turns": turns,
        "postgres": servers.postgres.pid(),
    }
    spent = run_action(servers, "time_part", json.dumps(params))
    return {WITH: spent["with"], WITHOUT: spent["without"]}

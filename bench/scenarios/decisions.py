"""Decision log: cost of storing the decisions of rules with every event."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from bench.application import begin, run_action
from bench.figures import Row
from bench.rounds import in_rounds
from bench.servers import Servers

TITLE = "Decisions: the cost of storing every decision"
METHOD = """A lead is posted, and two rules plan its first steps; or a worker runs steps in batches of 100 that each
create a task, to which a rule listens. Alternating every 100, within one process, the event's row with the decisions
of all rules is inserted with the steps, or left out. **CPU** is that of the process and of PostgreSQL together, per
lead or step."""

WITH, WITHOUT = "with decisions, CPU (ms)", "without, CPU (ms)"
TARGET = 0.10  # of the cost without them


@dataclass(frozen=True)
class Kind:
    """A repeated action."""

    name: str
    action: str


KINDS = (Kind("capture of a lead", "capture"), Kind("run of a step", "step"))


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    turns = 2 if quick else 20
    chosen = [kind for kind in KINDS if only.lower() in kind.name.lower()]
    return in_rounds(chosen, runs, lambda kind: _measure(servers, kind, turns))


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Return the added cost of the decision log."""
    added = {row.name: row.figures[WITH].median / row.figures[WITHOUT].median - 1 for row in rows}
    return [f"Decisions add {share:.1%} to the {name} (to reach: under {TARGET:.0%})." for name, share in added.items()]


def _measure(servers: Servers, kind: Kind, turns: int) -> dict[str, float]:
    clinic = begin(servers, rules=True)
    params = {"action": kind.action, "clinic": clinic, "turns": turns, "postgres": servers.postgres.pid()}
    spent = run_action(servers, "time_decision_storage", json.dumps(params))
    return {WITH: spent["with"], WITHOUT: spent["without"]}

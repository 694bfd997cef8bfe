"""Decision log: cost of storing the decisions of rules with every event."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from bench.figures import Row
from bench.product import act, begin
from bench.rounds import in_rounds
from bench.servers import Servers

TITLE = "Records: the cost of storing every decision"
WHAT = """A lead is posted, and two rules plan its first steps; or a worker runs steps in batches of 100 that each
create a task, to which a rule listens. Alternating every 100, within one process, the event's row with the decisions
of all rules is inserted with the steps, or left out. **CPU** is that of the process and of PostgreSQL together, per
lead or step."""

WITH, WITHOUT = "with records, CPU (ms)", "without, CPU (ms)"
TO_REACH = 0.10  # of what it costs without


@dataclass(frozen=True)
class Kind:
    """A repeated action."""

    name: str
    act: str


KINDS = (Kind("capture of a lead", "capture"), Kind("run of a step", "step"))


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    turns = 2 if quick else 20
    chosen = [kind for kind in KINDS if only.lower() in kind.name.lower()]
    return in_rounds(chosen, runs, lambda kind: _measure(servers, kind, turns))


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Return the added cost of the decision log."""
    added = {row.name: row.figures[WITH].median / row.figures[WITHOUT].median - 1 for row in rows}
    return [f"Records add {share:.1%} to the {name} (to reach: under {TO_REACH:.0%})." for name, share in added.items()]


def _measure(servers: Servers, kind: Kind, turns: int) -> dict[str, float]:
    clinic = begin(servers, rules=True)
    given = {"act": kind.act, "clinic": clinic, "turns": turns, "postgres": servers.postgres.pid()}
    spent = act(servers, "time_keeping", json.dumps(given))
    return {WITH: spent["with"], WITHOUT: spent["without"]}

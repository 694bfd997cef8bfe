"""Rule evaluation: cost of conditions, due times and decisions for one event."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from bench.application import run_action
from bench.figures import Row
from bench.rounds import in_rounds
from bench.servers import Servers

TITLE = "Rules: the cost of an event with listening rules"
METHOD = """A new lead, and a clinic with 20 active rules of four conditions each (texts, lists, numbers, days since), a
delay in business hours and two actions. **plan** is the CPU of one process per event: every listening rule decides,
and due times go through the calendar. **serialize** is the CPU for serializing the decisions into the event's row. No
database is used."""

PLAN, SERIALIZE = "plan (ms)", "serialize (ms)"
TARGET = 1.0  # milliseconds for 20 active rules


@dataclass(frozen=True)
class Kind:
    """A case: the number of rules that listen to the event, and whether their conditions hold."""

    name: str
    listening: int
    holding: bool


KINDS = (
    Kind("20 rules, all match", 20, True),
    Kind("20 rules, none matches", 20, False),
    Kind("1 of 20 listens", 1, True),
)


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    events = 200 if quick else 2_000
    chosen = [kind for kind in KINDS if only.lower() in kind.name.lower()]
    return in_rounds(chosen, runs, lambda kind: _measure(servers, kind, events))


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Compare the evaluation time with the target. Planning steps is additional work."""
    costs = {row.name: row.figures[PLAN].median + row.figures[SERIALIZE].median for row in rows}
    return [f"{name}: {cost:.2f} ms (to reach: {TARGET:.0f} ms)." for name, cost in costs.items()]


def _measure(servers: Servers, kind: Kind, events: int) -> dict[str, float]:
    params = {"listening": kind.listening, "holding": kind.holding, "events": events}
    spent = run_action(servers, "time_rules", json.dumps(params))
    return {PLAN: spent["plan"], SERIALIZE: spent["serialize"]}

"""Simulation: time for ninety days of a playbook."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.automation.playbooks import shipped
from bench.application import run_action
from bench.figures import Row
from bench.rounds import in_rounds
from bench.servers import Servers

TITLE = "Simulation: ninety days of a playbook"
METHOD = """Each shipped playbook, with a lead that is never contacted, and with one that is called, replies, has its
consultation and is won. The value is the CPU of one process for the whole simulation: every event, each listening
rule, guard and gate of every step, and every sweep pass that finds something. **entries** is the number of timeline
entries. "No rules" is the cost of the simulation itself: the same events without listening rules. No database is
used."""

TIME, ENTRIES = "90 days (ms)", "entries"
TARGET = 100.0  # milliseconds
WON: list[dict[str, Any]] = [
    {"at": "+2 hours", "event": "lead.attempt_failed"},
    {"at": "+1 day", "event": "lead.contacted"},
    {"at": "+1 day", "event": "task.completed", "facts": {"event.outcome": "callback_requested"}},
    {"at": "+2 days", "event": "lead.replied"},
    {"at": "+3 days", "event": "quote.sent"},
    {"at": "+5 days", "event": "consultation.scheduled"},
    {"at": "+12 days", "event": "consultation.completed"},
    {"at": "+60 days", "event": "lead.converted"},
]


@dataclass(frozen=True)
class Kind:
    """A playbook and its script."""

    name: str
    playbook: str
    script: list[dict[str, Any]] = field(default_factory=list)
    rules: bool = True


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    times = 1 if quick else 20
    chosen = [kind for kind in _kinds() if only.lower() in kind.name.lower()]
    return in_rounds(chosen, runs, lambda kind: _measure(servers, kind, times))


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Compare with the target."""
    return [f"{row.name}: {row.figures[TIME].median:.1f} ms (to reach: {TARGET:.0f} ms)." for row in rows]


def _kinds() -> Iterator[Kind]:
    for name in shipped.names():
        yield Kind(f"{name}, never contacted", name)
        yield Kind(f"{name}, won", name, WON)
    yield Kind("no rules, won", shipped.names()[0], WON, rules=False)


def _measure(servers: Servers, kind: Kind, times: int) -> dict[str, float]:
    params = {"playbook": kind.playbook, "script": kind.script, "rules": kind.rules, "times": times}
    spent = run_action(servers, "time_simulation", json.dumps(params))
    return {TIME: spent["milliseconds"], ENTRIES: spent["entries"]}

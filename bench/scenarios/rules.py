"""Rule evaluation: cost of conditions, due times and decisions for one event."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.core.calendar.calendar import BusinessHours, Calendar
from app.core.db import new_id, to_json
from app.engine.events.events import Event, EventName
from app.engine.plan.plan import plan
from app.engine.rules.event_log import event_row
from app.engine.rules.rules import RuleSet, read_rule
from bench.figures import Row
from bench.rounds import in_rounds
from bench.servers import Servers

TITLE = "Rules: the cost of an event with listening rules"
WHAT = """A new lead, and a clinic with 20 active rules of four conditions each (texts, lists, numbers, days since), a
delay in business hours and two actions. **plan** is the CPU of one process per event: every listening rule decides,
and due times go through the calendar. **keep** is the CPU for serializing the decisions into the event's row. No
database is used."""

PLAN, KEEP = "plan (ms)", "keep (ms)"
RULES = 20
ASKED_FOR = 1.0  # milliseconds for 20 active rules


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
CALENDAR = Calendar(
    ZoneInfo("America/New_York"),
    BusinessHours.from_json({day: [["09:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}),
)
NOW = datetime(2026, 3, 10, 15, tzinfo=UTC)
LEAD = {
    "status": "NEW",
    "pipeline_stage": "new_lead",
    "failed_attempts": 0,
    "timezone": "America/Chicago",
    "tags": ["berlin", "spring", "urgent"],
    "score": 80,
    "created_at": NOW - timedelta(days=3),
}


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    del servers
    events = 200 if quick else 2_000
    chosen = [kind for kind in KINDS if only.lower() in kind.name.lower()]
    return in_rounds(chosen, runs, lambda kind: _measure(kind, events))


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Compare the evaluation time with the target. Planning steps is additional work."""
    costs = {row.name: row.figures[PLAN].median + row.figures[KEEP].median for row in rows}
    return [f"{name}: {cost:.2f} ms of the {ASKED_FOR:.0f} ms that were asked for." for name, cost in costs.items()]


def _measure(kind: Kind, events: int) -> dict[str, float]:
    rules = RuleSet.of(read_rule(_rule(i, kind), id=new_id()) for i in range(RULES))
    happened = [_event() for _ in range(events)]
    began = time.process_time()
    plans = [plan(rules, event, CALENDAR) for event in happened]
    planned = time.process_time()
    clinic = new_id()
    for event, found in zip(happened, plans, strict=True):
        to_json([event_row(clinic, event, found.decisions)])
    done = time.process_time()
    each = 1000 / events
    return {PLAN: (planned - began) * each, KEEP: (done - planned) * each}


def _rule(i: int, kind: Kind) -> dict[str, Any]:
    last = {"field": "lead.score", "greater_than": 70 if kind.holding else 90}
    return {
        "name": f"rule-{i}",
        "on": EventName.LEAD_CREATED if i < kind.listening else EventName.LEAD_LOST,
        "when": [
            {"field": "lead.status", "in": ["NEW", "ACTIVE"]},
            {"field": "lead.tags", "contains": "urgent"},
            {"any": [{"field": "lead.city", "equals": "x"}, {"field": "lead.created_at", "days_since": 2}]},
            last,
        ],
        "after": {"time": "2 hours", "clock": "business"},
        "stop_on": [EventName.LEAD_REPLIED],
        "do": [
            {"create_task": {"type": "CALL", "title": "Call", "due": {"after": "5 minutes", "clock": "business"}}},
            {"send_message": {"channel": "email", "template": "hello"}},
        ],
    }


def _event() -> Event:
    lead_id = new_id()
    return Event(EventName.LEAD_CREATED, lead_id, lead_id, NOW, facts={"lead": LEAD, "event": {"stage": "new_lead"}})

"""Time the evaluation of rules in a process that has Relance's settings, without any connection."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.core.calendar.calendar import BusinessHours, Calendar
from app.core.db import new_id, to_json
from app.engine.events.events import Event, EventName
from app.engine.plan.plan import plan
from app.engine.rules.event_log import event_row
from app.engine.rules.rules import RuleSet, read_rule

RULES = 20
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


def time_rules(params: Mapping[str, Any]) -> dict[str, float]:
    """Return the CPU milliseconds for each event, to `plan` its steps and to `serialize` its decisions.

    `params` has the number of `events`, how many rules are `listening`, and whether their conditions are `holding`.
    """
    rules = RuleSet.of(read_rule(_rule(i, params), id=new_id()) for i in range(RULES))
    happened = [_event() for _ in range(params["events"])]
    began = time.process_time()
    plans = [plan(rules, event, CALENDAR) for event in happened]
    planned = time.process_time()
    clinic = new_id()
    for event, found in zip(happened, plans, strict=True):
        to_json([event_row(clinic, event, found.decisions)])
    done = time.process_time()
    each = 1000 / len(happened)
    return {"plan": (planned - began) * each, "serialize": (done - planned) * each}


def _rule(i: int, params: Mapping[str, Any]) -> dict[str, Any]:
    last = {"field": "lead.score", "greater_than": 70 if params["holding"] else 90}
    return {
        "name": f"rule-{i}",
        "on": EventName.LEAD_CREATED if i < params["listening"] else EventName.LEAD_LOST,
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

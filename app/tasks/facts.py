"""A task as rules see it, and the events that happen to it."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from app.engine.events.events import Event, EventName
from app.leads.facts.events import lead_facts


def task_facts(task: Any) -> dict[str, Any]:
    """The facts of a `Task`, of a row with its columns, or of one that is about to be inserted (a mapping)."""
    value = task.__getitem__ if isinstance(task, Mapping) else partial(getattr, task)
    return {
        "id": str(value("id")),
        "status": value("status"),
        "type": value("type"),
        "priority": value("priority"),
        "assigned_to_id": str(value("assigned_to_id")),
        "due_at": value("due_at"),
        "reminder_minutes": value("reminder_minutes"),
    }


def facts_when_due(
    lead: Any, task: Any, *, at: datetime, since: datetime, more: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """The facts that the guard of a step planned at `since` is checked against when it is due, at `at`.

    `at` is on the clinic's wall; `more` are facts of the lead that are looked up.
    """
    return {
        "now": {"at": at},
        "lead": {**more, **lead_facts(lead)},
        "task": task_facts(task) if task else {},
        "since": {
            "contacted": bool(lead.contacted_at and lead.contacted_at > since),
            "replied": bool(lead.replied_at and lead.replied_at > since),
        },
    }


def task_event(name: EventName, task: Any, lead: Any, at: datetime, *, outcome: str | None = None) -> Event:
    """Something that happened to the task of that lead; with its `outcome` when it is done."""
    facts = {"lead": lead_facts(lead), "task": task_facts(task), "event": {"type": task.type, "outcome": outcome}}
    return Event(name, task.lead_id, task.id, at, facts=facts, key=timing_key(task))


def timing_key(task: Any) -> str:
    """Tells the times apart at which the same thing happens to a task.

    The version is part of it: a task that is moved away and back is due at the same time again, and must be
    reminded of again.
    """
    return f"{task.due_at.isoformat()}#{task.version}"

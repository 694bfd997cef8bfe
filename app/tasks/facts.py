"""Task facts for rules, and events of tasks."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Protocol
from uuid import UUID

from app.core.type_aliases import JsonDict, JsonObject
from app.engine.events.events import Event, EventName
from app.leads.events import LeadColumns, lead_facts


class TaskColumns(Protocol):
    """The columns of a task that become facts of rules."""

    @property
    def id(self) -> UUID: ...
    @property
    def status(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def priority(self) -> str: ...
    @property
    def assigned_to_id(self) -> UUID: ...
    @property
    def due_at(self) -> datetime: ...
    @property
    def reminder_minutes(self) -> Sequence[int] | None: ...


class LeadTask(TaskColumns, Protocol):
    """The columns of a task that its events need."""

    @property
    def lead_id(self) -> UUID: ...
    @property
    def version(self) -> int: ...


def task_facts(task: TaskColumns | JsonObject) -> JsonDict:
    """Return the facts of a task: a `Task`, a row with its columns, or a mapping that is about to be inserted.

    Keys: `id`, `status`, `type`, `priority`, `assigned_to_id`, `due_at`, `reminder_minutes`.
    """
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
    lead: LeadColumns, task: TaskColumns | None, *, at: datetime, since: datetime, extra_facts: JsonObject
) -> dict[str, JsonDict]:
    """Return the facts for the guard of a step that was planned at `since` and is due at `at`.

    `at` is in the clinic's local time. `extra_facts` holds facts of the lead that had to be fetched.
    """
    return {
        "now": {"at": at},
        "lead": {**extra_facts, **lead_facts(lead)},
        "task": task_facts(task) if task else {},
        "since": {
            "contacted": bool(lead.contacted_at and lead.contacted_at > since),
            "replied": bool(lead.replied_at and lead.replied_at > since),
        },
    }


def task_event(
    name: EventName, task: LeadTask, lead: LeadColumns, at: datetime, *, outcome: str | None = None
) -> Event:
    """Return an event of the task; with `outcome` for a completed task."""
    facts = {"lead": lead_facts(lead), "task": task_facts(task), "event": {"type": task.type, "outcome": outcome}}
    return Event(name, task.lead_id, task.id, at, facts=facts, key=timing_key(task))


def timing_key(task: LeadTask) -> str:
    """Return a key that distinguishes repeated events of the same task.

    It includes the version: a task that is moved away and back to the same time must be reminded of again.
    """
    return f"{task.due_at.isoformat()}#{task.version}"

"""Common changes of a task: its columns and events. Pure: services, sweeps and simulations share them.

A task is a `Task`, or an object with its columns. The caller records the events.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from app.engine.events.events import Event, EventName
from app.leads.pipeline.lead_state import mark_activity
from app.tasks.facts import task_event
from app.tasks.models import TaskStatus


def touch(task: Any, *, at: datetime) -> None:
    """Update the change time and the version."""
    task.updated_at = at
    task.version += 1


def set_assignee(task: Any, user_id: UUID, *, at: datetime) -> None:
    """Give the task to another user."""
    task.assigned_to_id = user_id
    touch(task, at=at)


def set_completed(task: Any, lead: Any, *, at: datetime, outcome: str | None = None) -> Event:
    """Complete the task, which counts as activity of its lead. Returns the event."""
    task.status, task.completed_at, task.outcome = TaskStatus.COMPLETED, at, outcome
    touch(task, at=at)
    mark_activity(lead, at)
    return task_event(EventName.TASK_COMPLETED, task, lead, at, outcome=outcome)


def set_cancelled(task: Any, lead: Any, *, at: datetime, reason: str | None = None) -> Event:
    """Cancel the task. Returns the event."""
    mark_cancelled(task, at=at, reason=reason)
    return task_event(EventName.TASK_CANCELLED, task, lead, at)


def mark_cancelled(task: Any, *, at: datetime, reason: str | None = None) -> None:
    """Cancel the task without an event: the end of its lead cancels it."""
    task.status, task.cancelled_reason = TaskStatus.CANCELLED, reason
    touch(task, at=at)


def set_retimed(task: Any, lead: Any, *, at: datetime) -> Event:
    """Update the task after its due time changed: an overdue one with time left is pending again. Returns the event."""
    if task.status == TaskStatus.OVERDUE and task.due_at > at:
        task.status = TaskStatus.PENDING
    touch(task, at=at)
    return task_event(EventName.TASK_RETIMED, task, lead, at)


def set_overdue(task: Any, lead: Any, *, at: datetime) -> Event:
    """Mark the task as overdue. Returns the event."""
    task.status = TaskStatus.OVERDUE
    touch(task, at=at)
    return task_event(EventName.TASK_OVERDUE, task, lead, at)

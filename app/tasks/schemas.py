"""What comes in and goes out about tasks (follow-up-management.md)."""

from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from marshmallow import ValidationError, fields

from app.clock import now
from app.http.fields import Choice, Id, Instant, Integer, ListOf, Text
from app.http.paging import PageQuery
from app.http.schema import Schema
from app.leads.schemas import Somebody
from app.tasks.models import TaskPriority, TaskStatus, TaskType

MOST_REMINDERS: Final = 5
EARLIEST_REMINDER: Final = timedelta(days=30)  # before it is due


class Progress(StrEnum):
    """What a person may say of a task that is not done."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"


def _is_ahead(at: Any) -> None:
    if at <= now():
        raise ValidationError("Must lie in the future.")


def _reminders(**options: Any) -> ListOf:
    minutes = Integer(most=int(EARLIEST_REMINDER.total_seconds()) // 60)
    description = "Minutes before it is due; null: as the clinic's rule says; []: none."
    return ListOf(minutes, most=MOST_REMINDERS, allow_none=True, metadata={"description": description}, **options)


class TaskIn(Schema):
    """A follow-up for a person to do."""

    title = Text(200, least=1, required=True)
    description = Text(5000, lines=True, allow_none=True)
    type = Choice(TaskType, required=True)
    priority = Choice(TaskPriority, load_default=TaskPriority.NORMAL)
    assigned_to_id = Id(metadata={"description": "Else the lead's coordinator, else whoever asks."})
    due_at = Instant(required=True)
    reminder_minutes = _reminders()


class TaskChanges(Schema):
    """The fields of a task that can be edited. Those given are replaced; those not given stay as they are."""

    title = Text(200, least=1)
    description = Text(5000, lines=True, allow_none=True)
    type = Choice(TaskType)
    priority = Choice(TaskPriority)
    assigned_to_id = Id()
    due_at = Instant()
    reminder_minutes = _reminders()
    status = Choice(
        Progress, metadata={"description": "An overdue task has to be moved first. Done is said by `complete`."}
    )


class Completion(Schema):
    """What came of it."""

    outcome = Text(2000, lines=True, allow_none=True)


class Snooze(Schema):
    """When it is due instead."""

    until = Instant(required=True, validate=_is_ahead)


class Cancellation(Schema):
    """Why it need not be done."""

    reason = Text(500, allow_none=True)


class TaskOut(Schema):
    """A task."""

    id = Id(required=True)
    lead_id = Id(required=True)
    title = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    type = Choice(TaskType, required=True)
    priority = Choice(TaskPriority, required=True)
    assigned_to_id = Id(required=True)
    due_at = Instant(required=True)
    reminder_minutes = fields.List(Integer(), required=True, allow_none=True)
    status = Choice(TaskStatus, required=True)
    completed_at = Instant(required=True, allow_none=True)
    completed_by = Id(required=True, allow_none=True)
    cancelled_reason = fields.String(required=True, allow_none=True)
    outcome = fields.String(required=True, allow_none=True)
    snoozed_until = Instant(required=True, allow_none=True)
    step_id = Id(required=True, allow_none=True, metadata={"description": "The automation step that made it."})
    created_at = Instant(required=True)
    created_by = Id(required=True, allow_none=True)
    updated_at = Instant(required=True)
    version = Integer(required=True)


class LeadTasksQuery(PageQuery):
    """Which of a lead's tasks to list."""

    status = Choice(TaskStatus)


class MyTasksQuery(PageQuery):
    """Which of my tasks to list: the open ones, unless a status is asked for."""

    status = Choice(TaskStatus)
    due_before = Instant()


class OverdueQuery(PageQuery):
    """Whose overdue tasks to list: everybody's, unless somebody is named."""

    assigned_to_id = Somebody()

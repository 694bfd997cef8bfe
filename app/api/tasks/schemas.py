"""What comes in and goes out about tasks (follow-up-management.md)."""

from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from marshmallow import ValidationError, fields, validates_schema

from app.api.activities.schemas import ActivityIn
from app.api.leads.schemas import Somebody
from app.clock import now
from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, ListOf, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Schema
from app.tasks.models import TaskOutcome, TaskPriority, TaskStatus, TaskType

MOST_REMINDERS: Final = 5
EARLIEST_REMINDER: Final = timedelta(days=30)  # before it is due
MOST_TAGS: Final = 20
LONGEST_TAG: Final = 40


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


class Tags(ListOf):
    """Words of the clinic's own. Each is kept once, in the order given."""

    def __init__(self, **options: Any) -> None:
        super().__init__(Text(LONGEST_TAG, least=1), most=MOST_TAGS, **options)

    def _deserialize(self, value: Any, *args: Any, **more: Any) -> list[Any]:
        return list(dict.fromkeys(super()._deserialize(value, *args, **more)))


class TaskIn(Schema):
    """A follow-up for a person to do."""

    title = Text(200, least=1, required=True)
    description = Text(5000, lines=True, allow_none=True)
    type = Choice(TaskType, required=True)
    priority = Choice(TaskPriority, load_default=TaskPriority.NORMAL)
    assigned_to_id = Id(metadata={"description": "Else the lead's coordinator, else whoever asks."})
    due_at = Instant(required=True)
    reminder_minutes = _reminders()
    tags = Tags()


class TaskChanges(Schema):
    """The fields of a task that can be edited. Those given are replaced; those not given stay as they are."""

    title = Text(200, least=1)
    description = Text(5000, lines=True, allow_none=True)
    type = Choice(TaskType)
    priority = Choice(TaskPriority)
    assigned_to_id = Id()
    due_at = Instant()
    reminder_minutes = _reminders()
    tags = Tags()
    status = Choice(
        Progress, metadata={"description": "An overdue task has to be moved first. Done is said by `complete`."}
    )


class Completion(Schema):
    """What came of it, and what happened, when that is to be logged along with it."""

    outcome = Choice(TaskOutcome, allow_none=True, metadata={"description": "Else the activity's."})
    notes = Text(2000, lines=True, allow_none=True)
    activity = fields.Nested(
        ActivityIn, metadata={"description": "An entry for the lead's timeline, such as the call."}
    )
    activity_id = Id(metadata={"description": "The entry, when it is on the timeline already."})

    @validates_schema
    def _names_one_activity(self, data: dict[str, Any], **_: Any) -> None:
        if "activity" in data and "activity_id" in data:
            raise ValidationError({"activity_id": ["Give either the activity or its id."]})


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
    outcome = Choice(TaskOutcome, required=True, allow_none=True)
    completion_notes = fields.String(required=True, allow_none=True)
    activity_id = Id(required=True, allow_none=True, metadata={"description": "The entry of the timeline it led to."})
    tags = fields.List(fields.String(), required=True)
    pinned = Boolean(required=True)
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

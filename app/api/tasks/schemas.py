"""Request and response schemas for tasks (follow-up-management.md)."""

from enum import StrEnum
from typing import Any, Final

from marshmallow import ValidationError, fields, validates_schema

from app.api.activities.schemas import ActivityIn
from app.clock import now
from app.core.calendar.durations import parse_duration
from app.core.type_aliases import JsonDict
from app.engine.events.keys import in_words
from app.http.schemas import words
from app.http.schemas.common_fields import Duration, UserIdOrMe, require_one_of
from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, ListOf, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.private_fields import WITHHELD, PrivateText
from app.http.schemas.schema import Aliases, Schema
from app.leads.fields import LONGEST_TAG
from app.leads.timeline.models import OUTCOME_WORDS, Outcome
from app.tasks.models import PRIORITY_WORDS, TASK_TYPE_WORDS, TaskPriority, TaskStatus, TaskType
from app.tasks.rows import EARLIEST_REMINDER, MOST_REMINDERS, MOST_TAGS
from app.tasks.workload.assignment_warnings import WarningCode


class Progress(StrEnum):
    """Statuses that a user may set on an open task."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"


_MERGE_FIELDS: Final = {
    "description": "Merge fields such as `{{ lead.first_name }}` are filled in on saving; an unknown one is refused."
}


def _is_ahead(at: Any) -> None:
    if at <= now():
        raise ValidationError("Must be in the future.")


def _reminders(**options: Any) -> ListOf:
    minutes = Integer(most=int(EARLIEST_REMINDER.total_seconds()) // 60)
    description = "Reminders in minutes before the due time. null: as set by the clinic's rule; []: none."
    return ListOf(minutes, most=MOST_REMINDERS, allow_none=True, metadata={"description": description}, **options)


class Tags(ListOf):
    """Tags of the clinic. Duplicates are removed; the order is kept."""

    def __init__(self, **options: Any) -> None:
        super().__init__(Text(LONGEST_TAG, least=1), most=MOST_TAGS, **options)

    def _deserialize(self, value: object, *args: object, **more: object) -> list[Any]:
        return list(dict.fromkeys(super()._deserialize(value, *args, **more)))


class TaskIn(Schema):
    """A follow-up for a person."""

    title = Text(200, least=1, required=True, metadata=_MERGE_FIELDS)
    description = Text(5000, lines=True, allow_none=True, metadata=_MERGE_FIELDS)
    type = Choice(TaskType, also=TASK_TYPE_WORDS, required=True)
    priority = Choice(TaskPriority, also=PRIORITY_WORDS, load_default=TaskPriority.NORMAL)
    assigned_to_id = Id(metadata={"description": "Default: the lead's coordinator, else the caller."})
    due_at = Instant(required=True)
    reminder_minutes = _reminders()
    tags = Tags()


class TaskChanges(Schema):
    """Fields of a task that can be edited. Given fields are replaced; missing fields stay as they are."""

    title = Text(200, least=1, metadata=_MERGE_FIELDS)
    description = Text(5000, lines=True, allow_none=True, metadata=_MERGE_FIELDS)
    type = Choice(TaskType, also=TASK_TYPE_WORDS)
    priority = Choice(TaskPriority, also=PRIORITY_WORDS)
    assigned_to_id = Id()
    due_at = Instant()
    reminder_minutes = _reminders()
    tags = Tags()
    status = Choice(
        Progress,
        metadata={"description": "An overdue task must be rescheduled first. To complete a task, use `complete`."},
    )


class Completion(Aliases, Schema):
    """The outcome, and optionally an activity to log."""

    aliases = words.NOTES

    outcome = Choice(
        Outcome,
        also=OUTCOME_WORDS,
        allow_none=True,
        metadata={
            "description": "Default: the outcome of the activity. An outcome that tells of a contact is logged as an"
            " activity, unless one is given."
        },
    )
    notes = Text(2000, lines=True, allow_none=True)
    activity = fields.Nested(ActivityIn, metadata={"description": "Timeline entry to log, such as the call."})
    activity_id = Id(metadata={"description": "Existing timeline entry."})

    @validates_schema
    def _names_one_activity(self, data: JsonDict, **_: object) -> None:
        if "activity" in data and "activity_id" in data:
            raise ValidationError({"activity_id": ["Give either the activity or its id."]})


class Snooze(Schema):
    """The new due time: an instant, or a duration from the present one."""

    until = Instant(validate=_is_ahead)
    by = Duration(
        60,
        metadata={
            "description": "Counts from the due time, or from now if that is past. Weeks are calendar weeks. Days on"
            " which the clinic is closed do not count, and the result is never while it is closed.",
            "examples": ["1 day", "2 hours"],
        },
    )

    @validates_schema
    def _has_one(self, data: JsonDict, **_: object) -> None:
        require_one_of(data, "until", "by")
        if "by" in data and not parse_duration(data["by"]):
            raise ValidationError({"by": ["Must be longer than no time."]})


class Cancellation(Schema):
    """The reason for cancelling."""

    reason = Text(500, allow_none=True)


class KeyInWords(fields.String):
    """The key of an enrollment, in words."""

    def _serialize(self, value: str | None, *_: Any, **__: Any) -> str | None:
        return in_words(value)


class AssignmentWarningOut(Schema):
    """Why a user may not get to a task in time."""

    code = Choice(WarningCode, required=True)
    message = fields.String(required=True)


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
    outcome = Choice(Outcome, required=True, allow_none=True)
    completion_notes = PrivateText(required=True, allow_none=True, metadata=WITHHELD)
    activity_id = Id(required=True, allow_none=True, metadata={"description": "Timeline entry logged at completion."})
    related_activity_id = Id(
        required=True, allow_none=True, metadata={"description": "Timeline entry that it was created from."}
    )
    tags = fields.List(fields.String(), required=True)
    pinned = Boolean(required=True)
    snoozed_until = Instant(required=True, allow_none=True)
    about = KeyInWords(
        attribute="key",
        required=True,
        allow_none=True,
        metadata={"description": "What it is about besides the lead, such as `invoice A`: of its enrollment."},
    )
    step_id = Id(required=True, allow_none=True, metadata={"description": "Automation step that created it."})
    created_at = Instant(required=True)
    created_by = Id(required=True, allow_none=True)
    updated_at = Instant(required=True)
    version = Integer(required=True)


class LeadTasksQuery(PageQuery):
    """Filter of a lead's tasks."""

    status = Choice(TaskStatus)


class MyTasksQuery(PageQuery):
    """Filters of my tasks. Default: open tasks."""

    status = Choice(TaskStatus)
    due_before = Instant()


class OverdueQuery(PageQuery):
    """Filter of overdue tasks: all users, or one."""

    assigned_to_id = UserIdOrMe()


class AssignedTaskOut(TaskOut):
    """A task, with warnings about the user to whom the call gave it."""

    warnings = fields.List(
        fields.Nested(AssignmentWarningOut), metadata={"description": "Left out if there are none. They stop nothing."}
    )

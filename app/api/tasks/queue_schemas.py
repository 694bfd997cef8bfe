"""Request and response schemas for the work queue (bansalcrm2-follow-up-guide.md)."""

from marshmallow import ValidationError, fields, validates_schema

from app.api.leads.out_schemas import PersonRef
from app.api.tasks.schemas import TaskIn, TaskOut
from app.core.type_aliases import JsonDict
from app.http.schemas import words
from app.http.schemas.common_fields import UserIdOrMe
from app.http.schemas.fields import Boolean, Choice, Choices, Id, Instant, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Aliases, QuerySchema, Schema
from app.http.schemas.search_text import SearchText
from app.leads.fields import LONGEST_TAG
from app.tasks.lookup import TaskPart
from app.tasks.models import PRIORITY_WORDS, TASK_TYPE_WORDS, TaskPriority, TaskStatus, TaskType
from app.tasks.queue.completion import Completion
from app.tasks.queue.queue import Sort


class TaskFilters(Aliases, QuerySchema):
    """Filters on the task and its lead."""

    aliases = words.STAGE

    type = Choices(TaskType, also=TASK_TYPE_WORDS)
    priority = Choices(TaskPriority, also=PRIORITY_WORDS)
    assigned_to_id = UserIdOrMe()
    created_by = UserIdOrMe()
    lead_id = Id()
    stage = Text(100, least=1, metadata={"description": "Slug of the lead's stage."})
    source_id = Id(metadata={"description": "Source of the lead."})
    tag = Text(LONGEST_TAG, least=1)
    pinned = Boolean()
    rotting = Boolean(
        metadata={
            "description": "Whether the lead is open and has had no activity for too long (true), or not yet (false)."
        }
    )
    q = SearchText(
        "All words must begin words in the title and description, or be in the task's lead, as in `q` of"
        " `GET /api/leads`, or begin words in a note about the task or its lead. Accents and capitals do not matter."
        " Query strings appear in logs: `POST /api/search` takes personal data in its body."
    )


class LeadRef(Schema):
    """The lead of a task, in short form."""

    id = Id(required=True)
    first_name = fields.String(required=True)
    last_name = fields.String(required=True)
    phone = fields.String(required=True, allow_none=True)
    pipeline_stage = fields.String(required=True)


class NamedTaskOut(TaskOut):
    """A task with the names of its lead and its assignee."""

    lead_name = fields.String(
        required=True, allow_none=True, metadata={"description": "Null if you may not see the lead."}
    )
    assigned_to_name = fields.String(required=True, allow_none=True)


class QueuedTaskOut(NamedTaskOut):
    """A task with its expanded parts."""

    lead = fields.Nested(
        LeadRef, allow_none=True, metadata={"description": "With `expand=lead`. Null if you may not see the lead."}
    )
    assigned_to = fields.Nested(PersonRef, allow_none=True, metadata={"description": "With `expand=assigned_to`."})


class QueueFilters(TaskFilters):
    """Filters and order of the queue."""

    status = Choices(TaskStatus, metadata={"description": "Default: all statuses."})
    due_from = Instant()
    due_to = Instant(metadata={"description": "Exclusive."})
    completion = Choices(
        Completion,
        metadata={
            "description": "Tasks that are not cancelled: completed by their due time or later, open after it, or open"
            " and not due yet."
        },
    )
    sort = Choice(
        Sort,
        load_default=Sort.DUE,
        metadata={"description": "`-priority` lists open tasks only: the highest priority first, then by due time."},
    )


class QueueQuery(QueueFilters, PageQuery):
    """Filters, order and page of the queue."""

    expand = Choices(TaskPart, metadata={"description": "Related objects to include in each task."})


class OverdueTasksQuery(TaskFilters, PageQuery):
    """Filters and page of the overdue tasks."""

    expand = Choices(TaskPart, metadata={"description": "Related objects to include in each task."})


class UpcomingTasksQuery(OverdueTasksQuery):
    """Filters and page of the upcoming tasks."""

    due_to = Instant(metadata={"description": "Exclusive. Default: no end."})


class QueuedTaskIn(TaskIn):
    """A new task: all fields, or those that differ from the template."""

    lead_id = Id(required=True)
    template_id = Id(metadata={"description": "Task template: missing fields come from it."})
    title = Text(200, least=1)
    type = Choice(TaskType, also=TASK_TYPE_WORDS)
    priority = Choice(
        TaskPriority, also=PRIORITY_WORDS, metadata={"description": "Default: the template's priority, or NORMAL."}
    )
    due_at = Instant()

    @validates_schema
    def _is_whole(self, data: JsonDict, **_: object) -> None:
        if "template_id" in data:
            return
        if missing := [name for name in ("title", "type", "due_at") if name not in data]:
            raise ValidationError({name: ["Required without a template."] for name in missing})


class Handover(Schema):
    """The new assignee."""

    assigned_to_id = Id(required=True)
    reason = Text(500, allow_none=True)


class Pin(Schema):
    """Whether the task is pinned."""

    pinned = Boolean(required=True)

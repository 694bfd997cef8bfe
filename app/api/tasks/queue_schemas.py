"""What comes in about the work queue: tasks across leads (bansalcrm2-follow-up-guide.md)."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from app.api.leads.out_schemas import PersonRef
from app.api.leads.schemas import Somebody
from app.api.tasks.schemas import LONGEST_TAG, TaskIn, TaskOut
from app.http.schemas.fields import Boolean, Choice, Choices, Id, Instant, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import QuerySchema, Schema
from app.tasks.lookup import TaskPart
from app.tasks.models import TaskPriority, TaskStatus, TaskType
from app.tasks.queue.queue import Sort


class Tests(QuerySchema):
    """What a task is, whose it is, and what it says."""

    type = Choices(TaskType)
    priority = Choices(TaskPriority)
    assigned_to_id = Somebody()
    created_by = Somebody()
    lead_id = Id()
    stage = Text(100, least=1, metadata={"description": "Where the lead is: a stage's slug."})
    source_id = Id(metadata={"description": "Where the lead comes from."})
    tag = Text(LONGEST_TAG, least=1)
    pinned = Boolean()
    rotting = Boolean(metadata={"description": "Whose lead is open and rotten by now (true), or not yet (false)."})
    q = Text(
        200,
        least=1,
        metadata={
            "description": 'Words of the title and description: all of them, "a phrase", `or`, `-without`.'
            " A person's name is better kept out of addresses."
        },
    )


class LeadRef(Schema):
    """A lead, as far as a task's card shows it."""

    id = Id(required=True)
    first_name = fields.String(required=True)
    last_name = fields.String(required=True)
    phone = fields.String(required=True, allow_none=True)
    pipeline_stage = fields.String(required=True)


class QueuedTaskOut(TaskOut):
    """A task, along with what it names."""

    lead = fields.Nested(
        LeadRef, allow_none=True, metadata={"description": "With `expand=lead`; null where you may not see the lead."}
    )
    assigned_to = fields.Nested(PersonRef, allow_none=True, metadata={"description": "With `expand=assigned_to`."})


class Filters(Tests):
    """Which tasks, in which order."""

    status = Choices(TaskStatus, metadata={"description": "All of them, unless it is given."})
    due_from = Instant()
    due_to = Instant(metadata={"description": "Exclusive."})
    sort = Choice(Sort, load_default=Sort.DUE)


class QueueQuery(Filters, PageQuery):
    """A page of them."""

    expand = Choices(TaskPart, metadata={"description": "Show these along with each task."})


class QueuedTaskIn(TaskIn):
    """A task for a lead: all of it, or what differs from a template."""

    lead_id = Id(required=True)
    template_id = Id(metadata={"description": "A task template: what is not given is as it says."})
    title = Text(200, least=1)
    type = Choice(TaskType)
    priority = Choice(TaskPriority, metadata={"description": "NORMAL, unless it or a template says otherwise."})
    due_at = Instant()

    @validates_schema
    def _is_whole(self, data: dict[str, Any], **_: Any) -> None:
        if "template_id" in data:
            return
        if missing := [name for name in ("title", "type", "due_at") if name not in data]:
            raise ValidationError({name: ["Needed, unless a template says it."] for name in missing})


class Handover(Schema):
    """Who is to do it instead."""

    assigned_to_id = Id(required=True)
    reason = Text(500, allow_none=True)


class Pin(Schema):
    """Whether it stands on top."""

    pinned = Boolean(required=True)

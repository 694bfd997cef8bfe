"""Request and response schemas for task templates."""

from typing import Final

from marshmallow import ValidationError, fields, validates_schema

from app.api.tasks.schemas import Tags
from app.core.type_aliases import JsonDict
from app.http.schemas import words
from app.http.schemas.common_fields import Duration
from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Aliases, Schema
from app.tasks.models import PRIORITY_WORDS, TASK_TYPE_WORDS, TaskPriority, TaskType
from app.tasks.templates.models import LONGEST_TASK_DESCRIPTION, LONGEST_TEMPLATE_NAME
from app.tasks.templates.rendering import DASH, MERGE_FIELDS, TaskText, template_errors

_FIELDS: Final = ", ".join(f"`{{{{ {name} }}}}`" for name in MERGE_FIELDS)


class TemplateIn(Aliases, Schema):
    """A complete template. Missing fields get their default."""

    aliases = words.STAGE

    name = Text(LONGEST_TEMPLATE_NAME, least=1, required=True, metadata={"examples": ["Insurance check"]})
    title = Text(
        200,
        least=1,
        required=True,
        metadata={"description": f"May contain merge fields: {_FIELDS}.", "examples": ["Call {{ lead.first_name }}"]},
    )
    description = Text(LONGEST_TASK_DESCRIPTION, lines=True, allow_none=True, load_default=None)
    type = Choice(TaskType, also=TASK_TYPE_WORDS, required=True)
    priority = Choice(TaskPriority, also=PRIORITY_WORDS, load_default=TaskPriority.NORMAL)
    due_in = Duration(
        60,
        required=True,
        metadata={"description": "Time from creation to the due time.", "examples": ["2 hours", "1 day 4 hours"]},
    )
    business_time = Boolean(load_default=False, metadata={"description": "Count only the clinic's opening hours."})
    tags = Tags(load_default=list)
    stage = Text(
        100,
        least=1,
        allow_none=True,
        load_default=None,
        metadata={
            "description": "Slug of a non-final stage. Each lead that moves into it gets the task. Tasks for new leads"
            " are created by rules."
        },
    )

    @validates_schema
    def _title_can_be_read(self, data: JsonDict, **_: object) -> None:
        _require_readable(TaskText(data["title"], None))

    @validates_schema
    def _description_can_be_read(self, data: JsonDict, **_: object) -> None:
        _require_readable(TaskText(DASH, data["description"]))


def _require_readable(words: TaskText) -> None:
    if mistakes := template_errors(words):
        raise ValidationError({name: [problem] for name, problem in mistakes.items()})


class TemplateOut(Schema):
    """A task template."""

    id = Id(required=True)
    name = fields.String(required=True)
    title = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    type = Choice(TaskType, required=True)
    priority = Choice(TaskPriority, required=True)
    due_in = fields.String(required=True)
    business_time = Boolean(required=True)
    tags = fields.List(fields.String(), required=True)
    stage = fields.String(required=True, allow_none=True)
    created_at = Instant(required=True)
    created_by = Id(required=True, allow_none=True)
    updated_at = Instant(required=True)
    version = Integer(required=True)


class TaskPreviewIn(Schema):
    """The lead of the preview."""

    lead_id = Id(allow_none=True, load_default=None, metadata={"description": "A lead, or null for a sample lead."})


class TaskPreviewOut(Schema):
    """The task that the template would create now. It is not created."""

    title = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    due_at = Instant(required=True)
    missing = fields.List(
        fields.String(), required=True, metadata={"description": "Merge fields without a value. They appear as a dash."}
    )


class TaskTemplateFiguresOut(Schema):
    """Number of tasks created from a template in a period, by status."""

    since = Instant(required=True)
    until = Instant(required=True)
    made = Integer(required=True)
    open = Integer(required=True)
    done = Integer(required=True)
    cancelled = Integer(required=True)


class TemplateQuery(Aliases, PageQuery):
    """Filter of task templates."""

    aliases = words.STAGE

    stage = Text(100, least=1, metadata={"description": "Slug of a stage."})

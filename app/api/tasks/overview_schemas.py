"""Request and response schemas for the dashboard, kanban board, calendar and export of tasks."""

from datetime import timedelta
from typing import Final

from marshmallow import ValidationError, fields, validates_schema

from app.api.tasks.queue_schemas import NamedTaskOut, QueueFilters, TaskFilters
from app.core.files.exports import FileFormat
from app.core.type_aliases import JsonDict
from app.http.schemas import words
from app.http.schemas.common_fields import UserIdOrMe
from app.http.schemas.fields import Boolean, Choice, Day, Instant, Integer
from app.http.schemas.schema import QuerySchema, Schema
from app.tasks.models import TaskStatus
from app.tasks.queue.kanban import MOST_IN_COLUMN
from app.tasks.queue.queue import Sort

MOST_DAYS: Final = 62


class DashboardQuery(QuerySchema):
    """Filter of the dashboard: all users, or one."""

    assigned_to_id = UserIdOrMe()


class DashboardOut(Schema):
    """Current figures. Days and weeks are in the clinic's local time; a week begins on Monday."""

    overdue = Integer(required=True, metadata={"description": "Overdue tasks."})
    due_today = Integer(required=True, metadata={"description": "Open tasks due today."})
    due_this_week = Integer(required=True)
    rotting_leads = Integer(required=True, metadata={"description": "Open leads without activity for too long."})
    completion_rate = fields.Float(
        required=True,
        allow_none=True,
        metadata={
            "description": "Share of completed tasks, 0 to 1, among those due in the last 30 days and those completed"
            " before they are due. Cancelled tasks do not count."
        },
    )
    response_seconds = fields.Float(
        required=True,
        allow_none=True,
        metadata={
            "description": "Mean time in seconds from a lead's creation to the first call, message or meeting, for"
            " leads created in the last 30 days."
        },
    )


class KanbanQuery(TaskFilters):
    """Filters of the kanban board."""

    due_from = Instant()
    due_to = Instant(metadata={"description": "Exclusive."})
    cards = Integer(least=1, most=50, load_default=20, metadata={"description": "Maximum number of cards per column."})


class KanbanColumnOut(Schema):
    """A status and its tasks."""

    status = Choice(TaskStatus, required=True)
    count = Integer(
        required=True, metadata={"description": f"Number of tasks. {MOST_IN_COLUMN} means {MOST_IN_COLUMN} or more."}
    )
    cards = fields.List(fields.Nested(NamedTaskOut), required=True)
    sort = Choice(Sort, required=True, metadata={"description": "The order of the cards."})
    next_cursor = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "For the next page: `cursor` of `GET /api/followups` with the same filters, this `status`"
            " and this `sort`."
        },
    )


class KanbanOut(Schema):
    """The columns, open statuses first."""

    columns = fields.List(fields.Nested(KanbanColumnOut), required=True)


class CalendarQuery(QueueFilters):
    """Filters of the calendar. Default: open tasks of seven days from today."""

    aliases = words.DUE

    class Meta(QueueFilters.Meta):
        exclude = ("due_from", "due_to", "sort")

    from_ = Day(data_key="from", metadata={"description": "First day, in the clinic's local time."})
    to = Day(metadata={"description": f"Last day, inclusive; at most {MOST_DAYS} days."})
    per_day = Integer(least=1, most=100, load_default=20, metadata={"description": "Maximum number of tasks per day."})

    @validates_schema
    def _is_a_span(self, data: JsonDict, **_: object) -> None:
        if "to" in data and "from_" not in data:
            raise ValidationError({"from": ["Required with `to`."]})
        if "to" in data and not timedelta() <= data["to"] - data["from_"] < timedelta(days=MOST_DAYS):
            raise ValidationError({"to": [f"Must lie within {MOST_DAYS} days after `from`."]})


class CalendarDayOut(Schema):
    """A day and the tasks due on it."""

    date = Day(required=True)
    tasks = fields.List(fields.Nested(NamedTaskOut), required=True, metadata={"description": "In order of due time."})
    more = Boolean(
        required=True, metadata={"description": "Whether the day has more tasks: list them with `due_from`."}
    )
    begins_at = Instant(required=True)
    ends_at = Instant(required=True, metadata={"description": "Exclusive."})


class CalendarOut(Schema):
    """Every day of the range."""

    timezone = fields.String(required=True, metadata={"description": "Time zone of the clinic."})
    days = fields.List(fields.Nested(CalendarDayOut), required=True)


class ExportQuery(QueueFilters):
    """Filters, order and file format of the export."""

    format = Choice(FileFormat, load_default=FileFormat.CSV)

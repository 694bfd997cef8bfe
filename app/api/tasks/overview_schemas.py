"""Views of the work queue: the figures of a day, the board, the calendar, the file; in and out."""

from datetime import timedelta
from typing import Any, Final

from marshmallow import ValidationError, fields, validates_schema

from app.api.leads.schemas import Somebody
from app.api.tasks.queue_schemas import Filters, Tests
from app.api.tasks.schemas import TaskOut
from app.http.schemas.fields import Boolean, Choice, Day, Instant, Integer
from app.http.schemas.schema import QuerySchema, Schema
from app.tasks.models import TaskStatus
from app.tasks.queue.export import FileFormat
from app.tasks.queue.kanban import MOST_IN_COLUMN
from app.tasks.queue.queue import Sort

MOST_DAYS: Final = 62


class DashboardQuery(QuerySchema):
    """Whose figures: everybody's, unless somebody is named."""

    assigned_to_id = Somebody()


class DashboardOut(Schema):
    """The figures of the moment. Days and weeks are those of the clinic's wall; a week begins on Monday.

    A number of 1000 means that many or more. Rates and means are those of the latest 1000 tasks and leads.
    """

    overdue = Integer(required=True, metadata={"description": "Tasks that are late."})
    due_today = Integer(required=True, metadata={"description": "Tasks still to be done that are due today."})
    due_this_week = Integer(required=True)
    rotting_leads = Integer(required=True, metadata={"description": "Open leads that are rotten by now."})
    completion_rate = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "Of the tasks due in the last 30 days and not cancelled, how many are done: 0 to 1."},
    )
    response_seconds = fields.Float(
        required=True,
        allow_none=True,
        metadata={
            "description": "Of the leads of the last 30 days that somebody has called, written to or met: the mean"
            " time from their creation until then."
        },
    )


class KanbanQuery(Tests):
    """Which tasks, and how many of each status."""

    due_from = Instant()
    due_to = Instant(metadata={"description": "Exclusive."})
    cards = Integer(least=1, most=50, load_default=20, metadata={"description": "At most so many of each status."})


class KanbanColumnOut(Schema):
    """A status and its tasks."""

    status = Choice(TaskStatus, required=True)
    count = Integer(required=True, metadata={"description": f"Up to {MOST_IN_COLUMN}, which means that many or more."})
    cards = fields.List(fields.Nested(TaskOut), required=True)
    sort = Choice(Sort, required=True, metadata={"description": "The order of the cards."})
    next_cursor = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "For the next ones: `cursor` of `GET /api/followups` with the same filters, this `status`"
            " and this `sort`."
        },
    )


class KanbanOut(Schema):
    """The statuses, what is to be done first."""

    columns = fields.List(fields.Nested(KanbanColumnOut), required=True)


class CalendarQuery(Filters):
    """Which tasks of which days: a week from today, unless it is said; open ones, unless a status is."""

    class Meta(Filters.Meta):
        exclude = ("due_from", "due_to", "sort")

    from_ = Day(data_key="from", metadata={"description": "A day of the clinic's wall."})
    to = Day(metadata={"description": f"Inclusive; at most {MOST_DAYS} days."})
    per_day = Integer(least=1, most=100, load_default=20, metadata={"description": "At most so many of each day."})

    @validates_schema(skip_on_field_errors=True)
    def _is_a_span(self, data: dict[str, Any], **_: Any) -> None:
        if "to" in data and "from_" not in data:
            raise ValidationError({"from": ["Needed with `to`."]})
        if "to" in data and not timedelta() <= data["to"] - data["from_"] < timedelta(days=MOST_DAYS):
            raise ValidationError({"to": [f"Must lie within {MOST_DAYS} days after `from`."]})


class CalendarDayOut(Schema):
    """A day and what is due on it."""

    date = Day(required=True)
    tasks = fields.List(fields.Nested(TaskOut), required=True, metadata={"description": "As they are due."})
    more = Boolean(required=True, metadata={"description": "Whether there are others: list them by `due_from`."})
    begins_at = Instant(required=True)
    ends_at = Instant(required=True, metadata={"description": "Exclusive."})


class CalendarOut(Schema):
    """Every day of the span."""

    timezone = fields.String(required=True, metadata={"description": "The clinic's."})
    days = fields.List(fields.Nested(CalendarDayOut), required=True)


class ExportQuery(Filters):
    """Which tasks, in which order, as which kind of file."""

    format = Choice(FileFormat, load_default=FileFormat.CSV)

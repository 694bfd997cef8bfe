"""Request and response schemas of lead activities (simplepro-follow-up-automation.md, in snake_case)."""

from marshmallow import ValidationError, fields, validates_schema

from app.api.activities.schemas import mentions_field
from app.core.type_aliases import JsonDict
from app.http.schemas import words
from app.http.schemas.common_fields import UserIdOrMe
from app.http.schemas.fields import Choice, Choices, Id, Instant, Integer, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Aliases, QuerySchema, Schema
from app.leads.timeline.models import OUTCOME_WORDS, Outcome
from app.leads.timeline.vocabulary import outcome_mistake
from app.tasks.lead_activities.vocabulary_mapping import (
    DATE_FIELDS,
    TO_ENTRY,
    Kind,
    LeadActivityType,
    LoggableType,
    State,
)
from app.tasks.models import PRIORITY_WORDS, TaskPriority


class LeadActivityIn(Schema):
    """A planned activity if it has a date, else a past one."""

    opportunity_id = Id(required=True, metadata={"description": "The lead."})
    activity_type = Choice(LoggableType, required=True)
    subject = Text(200, least=1, required=True)
    description = Text(4000, lines=True, allow_none=True)
    scheduled_date = Instant(metadata={"description": "When it is to be done, unless `due_date` is given."})
    due_date = Instant()
    assigned_to = Id(metadata={"description": "Only for planned activities. Default: the lead's coordinator."})
    priority = Choice(TaskPriority, also=PRIORITY_WORDS, metadata={"description": "Only for planned activities."})
    mentions = mentions_field()
    outcome = Choice(
        Outcome, also=OUTCOME_WORDS, metadata={"description": "Only for past activities that are not notes."}
    )

    @validates_schema
    def _has_fields_of_planned_or_past(self, data: JsonDict, **_: object) -> None:
        is_planned = _is_planned(data)
        wrong = ("outcome", "mentions") if is_planned else ("assigned_to", "priority")
        message = "Not allowed for a planned activity." if is_planned else "Not allowed for a past activity."
        if mistakes := {name: [message] for name in wrong if name in data}:
            raise ValidationError(mistakes)

    @validates_schema
    def _fits_its_type(self, data: JsonDict, **_: object) -> None:
        if mistakes := _mistakes_of_the_plan(data) if _is_planned(data) else _mistakes_of_the_past(data):
            raise ValidationError(mistakes)


def _is_planned(data: JsonDict) -> bool:
    return any(name in data for name in DATE_FIELDS)


def _mistakes_of_the_plan(data: JsonDict) -> dict[str, list[str]]:
    if data["activity_type"] == LoggableType.QUOTE_SENT:
        return {"activity_type": ["A sent quote has no date. Plan a follow_up."]}
    if len({data[name] for name in DATE_FIELDS if name in data}) > 1:
        return {"scheduled_date": ["Must equal due_date, or be left out."]}
    return {}


def _mistakes_of_the_past(data: JsonDict) -> dict[str, list[str]]:
    if data["activity_type"] == LoggableType.FOLLOW_UP:
        return {"due_date": ["A follow_up needs its date."]}
    if data["activity_type"] == LoggableType.CALL and "outcome" not in data:
        return {"outcome": ["A past call needs its outcome."]}  # lead-management.md, rule 3
    logged = TO_ENTRY[data["activity_type"]]
    if "outcome" in data and (mistake := outcome_mistake(logged, data["outcome"])):
        return {"outcome": [mistake]}
    return {}


class CompletionIn(Aliases, Schema):
    """Result of the activity."""

    aliases = words.NOTES

    outcome = Choice(Outcome, also=OUTCOME_WORDS, allow_none=True)
    notes = Text(2000, lines=True, allow_none=True)


class LeadActivityOut(Schema):
    """A task or a timeline entry."""

    id = Id(required=True)
    kind = Choice(
        Kind, required=True, metadata={"description": "Whether the id is that of a task or of a timeline entry."}
    )
    activity_type = Choice(LeadActivityType, required=True)
    type = fields.String(required=True, metadata={"description": "Type of the task or timeline entry."})
    opportunity_id = Id(required=True, metadata={"description": "The lead."})
    customer_id = Id(required=True, allow_none=True, metadata={"description": "Patient that the lead became."})
    subject = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "For a timeline entry, the first line of its notes. Null without `lead:private`."},
    )
    description = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Of a timeline entry: its notes after the first line, null without `lead:private`."},
    )
    completion_notes = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Notes with which the task was completed. Null without `lead:private`."},
    )
    status = Choice(State, required=True)
    scheduled_date = Instant(required=True, allow_none=True)
    due_date = Instant(required=True, allow_none=True)
    completed_date = Instant(required=True, allow_none=True)
    completed_by = Id(required=True, allow_none=True)
    assigned_to = Id(required=True, allow_none=True)
    outcome = fields.String(required=True, allow_none=True)
    created_by = Id(required=True, allow_none=True)
    created_at = Instant(required=True)
    step_id = Id(required=True, allow_none=True, metadata={"description": "Automation step that created it."})


class LeadActivityQuery(PageQuery):
    """Filters of a lead's activities."""

    activity_type = Choices(LeadActivityType)
    status = Choices(State)
    outcome = Choices(Outcome, also=OUTCOME_WORDS)
    date_from = Instant(metadata={"description": "Due time of a task, time of a timeline entry."})
    date_to = Instant(metadata={"description": "Exclusive."})
    assigned_to = UserIdOrMe()


class AllQuery(LeadActivityQuery):
    """Filters of all activities."""

    opportunity_id = Id()
    customer_id = Id(metadata={"description": "Patient that the lead became."})


class PlannedQuery(PageQuery):
    """Filter by assignee; by default all."""

    assigned_to = UserIdOrMe()


class StatisticsQuery(QuerySchema):
    """Filter by assignee; by default all."""

    assigned_to = UserIdOrMe()


class StatisticsOut(Schema):
    """Current statistics. Rates and counts by type and outcome cover the last 30 days."""

    pending = Integer(required=True, metadata={"description": "Open and not overdue."})
    overdue = Integer(required=True)
    due_today = Integer(required=True)
    completion_rate = fields.Float(
        required=True, allow_none=True, metadata={"description": "As in the dashboard of the work queue, 0 to 1."}
    )
    response_seconds = fields.Float(required=True, allow_none=True)
    by_type = fields.Dict(
        keys=fields.String(),
        values=Integer(),
        required=True,
        metadata={
            "description": "Completed tasks that were due in the last 30 days or later, and entries that users logged"
            " in the last 30 days."
        },
    )
    by_outcome = fields.Dict(keys=fields.String(), values=Integer(), required=True)

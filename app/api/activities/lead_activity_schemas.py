"""Lead activities, in and out: the fields of simplepro-follow-up-automation.md, in snake_case."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from app.api.leads.schemas import Somebody
from app.http.schemas.fields import Choice, Choices, Id, Instant, Integer, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import QuerySchema, Schema
from app.tasks.lead_activities.vocabulary_mapping import WHEN, Given, Kind, LeadActivityType, State
from app.tasks.models import TaskOutcome, TaskPriority


class LeadActivityIn(Schema):
    """Something to do for a lead, when it says when; else something that happened."""

    opportunity_id = Id(required=True, metadata={"description": "The lead."})
    activity_type = Choice(Given, required=True)
    subject = Text(200, least=1, required=True)
    description = Text(4000, lines=True, allow_none=True)
    scheduled_date = Instant(metadata={"description": "When it is to be done, unless `due_date` says otherwise."})
    due_date = Instant()
    assigned_to = Id(metadata={"description": "Only of what is to be done; else the lead's coordinator."})
    priority = Choice(TaskPriority, metadata={"description": "Only of what is to be done."})
    outcome = Choice(TaskOutcome, metadata={"description": "Only of a call, e-mail or meeting that happened."})

    @validates_schema(skip_on_field_errors=True)
    def _is_ahead_or_past(self, data: dict[str, Any], **_: Any) -> None:
        is_planned = any(name in data for name in WHEN)
        wrong = ("outcome",) if is_planned else ("assigned_to", "priority")
        word = "What is to be done has none yet." if is_planned else "What happened has none."
        mistakes = {name: [word] for name in wrong if name in data}
        if not is_planned:
            mistakes |= _mistakes_of_the_past(data)
        if mistakes:
            raise ValidationError(mistakes)


def _mistakes_of_the_past(data: dict[str, Any]) -> dict[str, list[str]]:
    if data["activity_type"] == Given.CALL and "outcome" not in data:
        return {"outcome": ["A call that happened needs its outcome."]}  # lead-management.md, rule 3
    if "outcome" in data and data["activity_type"] in {Given.NOTE, Given.FOLLOW_UP}:
        return {"outcome": [f"A {data['activity_type']} has none."]}
    return {}


class CompletionIn(Schema):
    """What came of it."""

    outcome = Choice(TaskOutcome, allow_none=True)
    notes = Text(2000, lines=True, allow_none=True)


class LeadActivityOut(Schema):
    """A task, or an entry of the timeline."""

    id = Id(required=True)
    kind = Choice(Kind, required=True, metadata={"description": "Where it is kept: the id is that one's."})
    activity_type = Choice(LeadActivityType, required=True)
    type = fields.String(required=True, metadata={"description": "The task's, or the entry's, own type."})
    opportunity_id = Id(required=True, metadata={"description": "The lead."})
    customer_id = Id(required=True, allow_none=True, metadata={"description": "The patient that the lead became."})
    subject = fields.String(
        required=True, allow_none=True, metadata={"description": "Of an entry the first line of its notes."}
    )
    description = fields.String(required=True, allow_none=True)
    status = Choice(State, required=True)
    scheduled_date = Instant(required=True, allow_none=True)
    due_date = Instant(required=True, allow_none=True)
    completed_date = Instant(required=True, allow_none=True)
    completed_by = Id(required=True, allow_none=True)
    assigned_to = Id(required=True, allow_none=True)
    outcome = fields.String(required=True, allow_none=True)
    created_by = Id(required=True, allow_none=True)
    created_at = Instant(required=True)
    step_id = Id(required=True, allow_none=True, metadata={"description": "The automation step that made it."})


class LeadActivityQuery(PageQuery):
    """Which of them."""

    activity_type = Choices(LeadActivityType)
    status = Choices(State)
    assigned_to = Somebody()


class AllQuery(LeadActivityQuery):
    """Which of them, of all leads or of one."""

    opportunity_id = Id()


class PlannedQuery(PageQuery):
    """Whose: everybody's, unless somebody is named."""

    assigned_to = Somebody()


class StatisticsQuery(QuerySchema):
    """Whose: everybody's, unless somebody is named."""

    assigned_to = Somebody()


class StatisticsOut(Schema):
    """Figures of the moment. A number of 1000 means that many or more; rates are those of the latest 1000."""

    pending = Integer(required=True, metadata={"description": "To be done, and not late."})
    overdue = Integer(required=True)
    due_today = Integer(required=True)
    completion_rate = fields.Float(required=True, allow_none=True, metadata={"description": "Of 30 days, 0 to 1."})
    response_seconds = fields.Float(required=True, allow_none=True)
    by_type = fields.Dict(
        keys=fields.String(),
        values=Integer(),
        required=True,
        metadata={"description": "Of the latest 1000 that were completed, by when they were due."},
    )
    by_outcome = fields.Dict(keys=fields.String(), values=Integer(), required=True)

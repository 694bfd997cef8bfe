"""Request and response schemas of activities (lead-management.md, 8.1.5)."""

from typing import Final

from marshmallow import ValidationError, fields, validates_schema

from app.core.type_aliases import JsonDict, JsonObject
from app.http.schemas.common_fields import require_past
from app.http.schemas.fields import Boolean, Choice, Choices, Id, Instant, Integer, ListOf, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.private_fields import WITHHELD, PrivateText, PrivateTexts
from app.http.schemas.schema import Schema
from app.leads.activities.service import TimelineSort
from app.leads.timeline.models import OUTCOME_WORDS, ActivityType, Direction, Outcome
from app.leads.timeline.sentiment import Sentiment
from app.leads.timeline.vocabulary import LOGGED_TYPE_WORDS, WITH_DIRECTION, ContactChannel, LoggedType, outcome_mistake
from app.messaging.user_notices.mentions import MAX_MENTIONS
from app.tasks.models import TaskStatus

A_DAY_OF_MINUTES: Final = 1440


def mentions_field() -> ListOf:
    """Return the field `mentions` of a request."""
    description = (
        "Ids of colleagues who get a notice. They must be able to see the lead. The notes can mention them too:"
        " `@[Name](user id)`."
    )
    return ListOf(Id(), most=MAX_MENTIONS, metadata={"description": description})


class ActivityIn(Schema):
    """An activity to log. An outbound call needs its outcome, because failed attempts count too."""

    type = Choice(LoggedType, also=LOGGED_TYPE_WORDS, required=True)
    channel = Choice(ContactChannel, metadata={"description": "Default: the channel of the type."})
    direction = Choice(Direction, metadata={"description": "Default: OUTBOUND."})
    outcome = Choice(Outcome, also=OUTCOME_WORDS)
    notes = Text(5000, lines=True, allow_none=True)
    mentions = mentions_field()
    duration_minutes = Integer(most=A_DAY_OF_MINUTES, allow_none=True)
    is_auto_reply = Boolean(
        metadata={
            "description": "For inbound messages: an automatic reply (out of office). It does not count as a reply."
        }
    )
    occurred_at = Instant(validate=require_past, metadata={"description": "Default: now."})
    scheduled_for = Instant(metadata={"description": "Time of the consultation."})

    @validates_schema
    def _has_time_of_consultation_only(self, data: JsonDict, **_: object) -> None:
        if "scheduled_for" in data and data["type"] != LoggedType.CONSULTATION_SCHEDULED:
            raise ValidationError({"scheduled_for": ["Only for CONSULTATION_SCHEDULED."]})

    @validates_schema
    def _may_have_direction(self, data: JsonDict, **_: object) -> None:
        if "direction" in data and data["type"] not in WITH_DIRECTION:
            raise ValidationError({"direction": [f"Not allowed for {data['type']}."]})

    @validates_schema
    def _may_have_outcome(self, data: JsonDict, **_: object) -> None:
        if mistake := _outcome_mistake(data):
            raise ValidationError({"outcome": [mistake]})

    @validates_schema
    def _may_be_automatic(self, data: JsonDict, **_: object) -> None:
        if data.get("is_auto_reply") and data.get("direction") != Direction.INBOUND:
            raise ValidationError({"is_auto_reply": ["Only for inbound activities."]})


class FollowUpRef(Schema):
    """A task that was created from a timeline entry, in short form."""

    id = Id(required=True)
    title = fields.String(required=True)
    status = Choice(TaskStatus, required=True)
    due_at = Instant(required=True)


class ActivityOut(Schema):
    """A timeline entry."""

    id = Id(required=True)
    lead_id = Id(required=True)
    type = Choice(ActivityType, required=True)
    channel = fields.String(required=True, allow_none=True)
    direction = Choice(Direction, required=True, allow_none=True)
    outcome = Choice(Outcome, required=True, allow_none=True)
    is_auto_reply = Boolean(required=True)
    notes = PrivateText(required=True, allow_none=True, metadata=WITHHELD)
    sentiment = Choice(
        Sentiment,
        required=True,
        allow_none=True,
        metadata={"description": "Of a message from the lead, if the clinic has it on."},
    )
    sentiment_words = PrivateTexts(
        required=True,
        allow_none=True,
        metadata={"description": "The words that decided it. Null for a caller without `lead:private`."},
    )
    duration_minutes = Integer(required=True, allow_none=True)
    scheduled_for = Instant(required=True, allow_none=True)
    task_id = Id(required=True, allow_none=True)
    previous_stage = fields.String(required=True, allow_none=True)
    new_stage = fields.String(required=True, allow_none=True)
    occurred_at = Instant(required=True)
    created_at = Instant(required=True)
    created_by = Id(required=True, allow_none=True, metadata={"description": "Null: an automation step or an API key."})
    step_id = Id(required=True, allow_none=True, metadata={"description": "Automation step that created it."})


class ListedActivityOut(ActivityOut):
    """A timeline entry with the tasks that were created from it."""

    follow_ups = fields.List(fields.Nested(FollowUpRef), required=True)


def _outcome_mistake(data: JsonObject) -> str | None:
    kind = data["type"]
    if "outcome" in data:
        return outcome_mistake(kind, data["outcome"])
    if kind == LoggedType.PHONE_CALL and data.get("direction") != Direction.INBOUND:
        return "An outbound call needs its outcome."  # lead-management.md, rule 3
    return None


class TimelineQuery(PageQuery):
    """Filter and order of a lead's activities."""

    type = Choices(ActivityType)
    sort = Choice(TimelineSort, load_default=TimelineSort.OLDEST)

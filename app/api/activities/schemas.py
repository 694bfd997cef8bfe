"""Request and response schemas of activities (lead-management.md, 8.1.5)."""

from typing import Final

from marshmallow import ValidationError, fields, validates_schema

from app.core.type_aliases import JsonDict, JsonObject
from app.http.schemas.common_fields import is_future
from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, Text
from app.http.schemas.private_fields import WITHHELD, PrivateText
from app.http.schemas.schema import Schema
from app.leads.timeline.models import OUTCOME_WORDS, ActivityType, Direction, Outcome
from app.leads.timeline.vocabulary import LOGGED_TYPE_WORDS, WITH_DIRECTION, ContactChannel, LoggedType

A_DAY_OF_MINUTES: Final = 1440


class ActivityIn(Schema):
    """An activity to log. An outbound call needs its outcome, because failed attempts count too."""

    type = Choice(LoggedType, also=LOGGED_TYPE_WORDS, required=True)
    channel = Choice(ContactChannel, metadata={"description": "Default: the channel of the type."})
    direction = Choice(Direction, metadata={"description": "Default: OUTBOUND."})
    outcome = Choice(Outcome, also=OUTCOME_WORDS)
    notes = Text(5000, lines=True, allow_none=True)
    duration_minutes = Integer(most=A_DAY_OF_MINUTES, allow_none=True)
    is_auto_reply = Boolean(
        metadata={
            "description": "For inbound messages: an automatic reply (out of office). It does not count as a reply."
        }
    )
    occurred_at = Instant(metadata={"description": "Default: now."})
    scheduled_for = Instant(metadata={"description": "Time of the consultation."})

    @validates_schema(skip_on_field_errors=True)
    def _makes_sense(self, data: JsonDict, **_: object) -> None:
        kind = data["type"]
        mistakes = {
            "occurred_at": is_future(data.get("occurred_at")) and "Must not be in the future.",
            "scheduled_for": "scheduled_for" in data
            and kind != LoggedType.CONSULTATION_SCHEDULED
            and "Only for CONSULTATION_SCHEDULED.",
            "direction": "direction" in data and kind not in WITH_DIRECTION and f"Not allowed for {kind}.",
            "outcome": _outcome_mistake(data),
            "is_auto_reply": data.get("is_auto_reply")
            and data.get("direction") != Direction.INBOUND
            and "Only for inbound activities.",
        }
        if errors := {name: [mistake] for name, mistake in mistakes.items() if mistake}:
            raise ValidationError(errors)


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
    duration_minutes = Integer(required=True, allow_none=True)
    scheduled_for = Instant(required=True, allow_none=True)
    task_id = Id(required=True, allow_none=True)
    previous_stage = fields.String(required=True, allow_none=True)
    new_stage = fields.String(required=True, allow_none=True)
    occurred_at = Instant(required=True)
    created_at = Instant(required=True)
    created_by = Id(required=True, allow_none=True, metadata={"description": "Null: an automation step or an API key."})
    step_id = Id(required=True, allow_none=True, metadata={"description": "Automation step that created it."})


def _outcome_mistake(data: JsonObject) -> str | None:
    kind = data["type"]
    if "outcome" in data:
        return None if kind in WITH_DIRECTION else f"Not allowed for {kind}."
    if kind == LoggedType.PHONE_CALL and data.get("direction") != Direction.INBOUND:
        return "An outbound call needs its outcome."  # lead-management.md, rule 3
    return None

"""What comes in and goes out about activities (lead-management.md, 8.1.5)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from marshmallow import ValidationError, fields, validates_schema

from app.clock import now
from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, Text
from app.http.schemas.schema import Schema
from app.leads.timeline.models import ActivityType, Direction, Outcome
from app.leads.timeline.vocabulary import BETWEEN_PEOPLE, LoggedType, WayOfContact

CLOCKS_DIFFER_BY: Final = timedelta(minutes=5)
A_DAY_OF_MINUTES: Final = 1440


class ActivityIn(Schema):
    """Something that happened with a lead. An outbound call needs its outcome: attempts count, too."""

    type = Choice(LoggedType, required=True)
    channel = Choice(WayOfContact, metadata={"description": "As the type says, unless it is given."})
    direction = Choice(Direction, metadata={"description": "OUTBOUND, unless it is given."})
    outcome = Choice(Outcome)
    notes = Text(5000, lines=True, allow_none=True)
    duration_minutes = Integer(most=A_DAY_OF_MINUTES, allow_none=True)
    is_auto_reply = Boolean(
        metadata={"description": "Of what came in: a machine wrote it (they are away). It is no reply of theirs."}
    )
    occurred_at = Instant(metadata={"description": "Now, unless it is given."})
    scheduled_for = Instant(metadata={"description": "When the consultation takes place."})

    @validates_schema(skip_on_field_errors=True)
    def _makes_sense(self, data: dict[str, Any], **_: Any) -> None:
        kind = data["type"]
        mistakes = {
            "occurred_at": _lies_ahead(data.get("occurred_at")) and "Lies in the future.",
            "scheduled_for": "scheduled_for" in data
            and kind != LoggedType.CONSULTATION_SCHEDULED
            and "Only a CONSULTATION_SCHEDULED has it.",
            "direction": "direction" in data and kind not in BETWEEN_PEOPLE and f"A {kind} has none.",
            "outcome": _outcome_mistake(data),
            "is_auto_reply": data.get("is_auto_reply")
            and data.get("direction") != Direction.INBOUND
            and "Only of what came in.",
        }
        if told := {name: [mistake] for name, mistake in mistakes.items() if mistake}:
            raise ValidationError(told)


class ActivityOut(Schema):
    """An entry of the timeline."""

    id = Id(required=True)
    lead_id = Id(required=True)
    type = Choice(ActivityType, required=True)
    channel = fields.String(required=True, allow_none=True)
    direction = Choice(Direction, required=True, allow_none=True)
    outcome = Choice(Outcome, required=True, allow_none=True)
    is_auto_reply = Boolean(required=True)
    notes = fields.String(required=True, allow_none=True)
    duration_minutes = Integer(required=True, allow_none=True)
    scheduled_for = Instant(required=True, allow_none=True)
    task_id = Id(required=True, allow_none=True)
    previous_stage = fields.String(required=True, allow_none=True)
    new_stage = fields.String(required=True, allow_none=True)
    occurred_at = Instant(required=True)
    created_at = Instant(required=True)
    created_by = Id(required=True, allow_none=True, metadata={"description": "null: an automation step, or a program."})
    step_id = Id(required=True, allow_none=True, metadata={"description": "The automation step that wrote it."})


def is_past(at: datetime) -> None:
    """Raises ValidationError for what has not happened yet."""
    if _lies_ahead(at):
        raise ValidationError("Lies in the future.")


def _lies_ahead(at: datetime | None) -> bool:
    return at is not None and at > now() + CLOCKS_DIFFER_BY


def _outcome_mistake(data: Mapping[str, Any]) -> str | None:
    kind = data["type"]
    if "outcome" in data:
        return None if kind in BETWEEN_PEOPLE else f"A {kind} has none."
    if kind == LoggedType.PHONE_CALL and data.get("direction") != Direction.INBOUND:
        return "An outbound call needs its outcome."  # lead-management.md, rule 3
    return None

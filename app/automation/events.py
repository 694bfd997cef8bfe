"""Domain facts that rules listen to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias
from uuid import UUID

from app.automation.models import Reason

Facts: TypeAlias = Mapping[str, Mapping[str, Any]]


class EventName(StrEnum):
    LEAD_CREATED = "lead.created"
    LEAD_ASSIGNED = "lead.assigned"
    LEAD_STAGE_CHANGED = "lead.stage_changed"
    LEAD_CONTACTED = "lead.contacted"  # somebody spoke with them
    LEAD_REPLIED = "lead.replied"
    LEAD_ATTEMPT_FAILED = "lead.attempt_failed"
    LEAD_OPTED_OUT = "lead.opted_out"
    LEAD_CONVERTED = "lead.converted"
    LEAD_LOST = "lead.lost"
    LEAD_REOPENED = "lead.reopened"  # lost, and taken up again
    LEAD_MERGED = "lead.merged"  # a duplicate became part of it
    LEAD_STALE = "lead.stale"
    LEAD_STAGE_OVERDUE = "lead.stage_overdue"  # longer in its stage than the stage allows
    LEAD_WITHOUT_NEXT_ACTION = "lead.without_next_action"  # neither an open task nor a step that will act
    ACTIVITY_LOGGED = "activity.logged"
    TASK_CREATED = "task.created"
    TASK_RETIMED = "task.retimed"
    TASK_COMPLETED = "task.completed"
    TASK_CANCELLED = "task.cancelled"
    TASK_OVERDUE = "task.overdue"
    CONSULTATION_SCHEDULED = "consultation.scheduled"
    CONSULTATION_COMPLETED = "consultation.completed"
    MESSAGE_SENT = "message.sent"  # this and what follows: of a message to the lead
    MESSAGE_DELIVERED = "message.delivered"
    MESSAGE_OPENED = "message.opened"
    MESSAGE_CLICKED = "message.clicked"
    MESSAGE_BOUNCED = "message.bounced"
    MESSAGE_FAILED = "message.failed"


# The events that may stop what is pending, and the reason that the stopped steps then show.
STOPS: Mapping[str, Reason] = {
    EventName.LEAD_CONTACTED: Reason.ALREADY_CONTACTED,
    EventName.LEAD_REPLIED: Reason.REPLIED,
    EventName.LEAD_OPTED_OUT: Reason.OPTED_OUT,
    EventName.LEAD_CONVERTED: Reason.CONVERTED,
    EventName.LEAD_LOST: Reason.LOST,
    EventName.LEAD_STAGE_CHANGED: Reason.LEFT_STAGE,
    EventName.TASK_COMPLETED: Reason.TASK_DONE,
    EventName.TASK_CANCELLED: Reason.TASK_CANCELLED,
    EventName.TASK_RETIMED: Reason.TASK_MOVED,
}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a lead, with the facts as they were then.

    `facts` holds `lead`, and `task` and `event` where there are such; `subject_id` is what it happened to (a
    lead, task or activity). An event with the same name, subject and `key` is the same event: it plans once.
    """

    name: EventName
    lead_id: UUID
    subject_id: UUID
    occurred_at: datetime
    facts: Facts
    key: str = ""

    @property
    def is_about_a_task(self) -> bool:
        """Stops only the steps of that task, not all of the lead's."""
        return self.name.startswith("task.")

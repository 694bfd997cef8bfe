"""Domain facts that rules listen to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias
from uuid import UUID

from app.core.db import new_id
from app.engine.models import Reason

Facts: TypeAlias = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Chain:
    """What led to an event: the event that began it, how many steps ago, and the rules of these steps."""

    root: UUID | None = None
    depth: int = 0
    rules: tuple[str, ...] = ()

    @classmethod
    def of(cls, cause: Mapping[str, Any]) -> "Chain":
        """The chain that a step with this cause goes on with."""
        kept = cause.get("chain")
        return cls(UUID(kept["root"]), kept["depth"], tuple(kept["rules"])) if kept else FROM_OUTSIDE

    def as_json(self) -> dict[str, Any] | None:
        """As it is kept with an event."""
        return {"root": self.root, "depth": self.depth, "rules": self.rules} if self.root else None

    def followed_by(self, rule: str, event_id: str) -> dict[str, Any]:
        """As it is kept with a step that the rule plans because of that event."""
        return {
            "root": str(self.root) if self.root else event_id,
            "depth": self.depth + 1,
            "rules": [*self.rules, rule],
        }


FROM_OUTSIDE = Chain()  # a person, an integrator or the clock did it


class EventName(StrEnum):
    LEAD_CREATED = "lead.created"
    LEAD_UPDATED = "lead.updated"
    LEAD_ASSIGNED = "lead.assigned"
    LEAD_STAGE_CHANGED = "lead.stage_changed"
    LEAD_CONTACTED = "lead.contacted"  # somebody spoke with them
    LEAD_REPLIED = "lead.replied"
    LEAD_ATTEMPT_FAILED = "lead.attempt_failed"
    LEAD_OPTED_OUT = "lead.opted_out"
    LEAD_SCORED = "lead.scored"
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
    TASK_SNOOZED = "task.snoozed"
    TASK_COMPLETED = "task.completed"
    TASK_CANCELLED = "task.cancelled"
    TASK_OVERDUE = "task.overdue"
    CONSULTATION_SCHEDULED = "consultation.scheduled"
    CONSULTATION_COMPLETED = "consultation.completed"
    CONSULTATION_MISSED = "consultation.missed"
    QUOTE_SENT = "quote.sent"
    ESTIMATE_CREATED = "estimate.created"
    MESSAGE_SENT = "message.sent"  # this and what follows: of a message to the lead
    MESSAGE_DELIVERED = "message.delivered"
    MESSAGE_OPENED = "message.opened"
    MESSAGE_CLICKED = "message.clicked"
    MESSAGE_BOUNCED = "message.bounced"
    MESSAGE_FAILED = "message.failed"


CUSTOM = re.compile(r"custom\.[a-z][a-z0-9_]{0,62}")  # an integrator's own: POST /api/events

# Other words for the same moments, which rules may use: nothing is recorded twice for them.
MOMENTS: Mapping[str, tuple[EventName, ...]] = {
    "lead.stage_entered": (EventName.LEAD_CREATED, EventName.LEAD_STAGE_CHANGED),
    "lead.stage_left": (EventName.LEAD_STAGE_CHANGED,),
    # A date of a lead is known with the lead, or when somebody writes it down: its step is planned then.
    "date.reached": (EventName.LEAD_CREATED, EventName.LEAD_UPDATED),
}
DATE_REACHED = "date.reached"
LISTENED_TO = (*EventName, *MOMENTS)

# The events that may stop what is pending, and the reason that the stopped steps then show.
STOPS: Mapping[str, Reason] = {
    EventName.LEAD_CONTACTED: Reason.ALREADY_CONTACTED,
    EventName.LEAD_REPLIED: Reason.REPLIED,
    EventName.LEAD_OPTED_OUT: Reason.OPTED_OUT,
    EventName.LEAD_CONVERTED: Reason.CONVERTED,
    EventName.LEAD_LOST: Reason.LOST,
    EventName.LEAD_STAGE_CHANGED: Reason.LEFT_STAGE,
    EventName.LEAD_ASSIGNED: Reason.STOPPED,
    EventName.LEAD_REOPENED: Reason.STOPPED,
    EventName.ACTIVITY_LOGGED: Reason.STOPPED,
    EventName.TASK_COMPLETED: Reason.TASK_DONE,
    EventName.TASK_CANCELLED: Reason.TASK_CANCELLED,
    EventName.TASK_RETIMED: Reason.TASK_MOVED,
    EventName.CONSULTATION_SCHEDULED: Reason.RESCHEDULED,
    EventName.CONSULTATION_COMPLETED: Reason.STOPPED,
    EventName.CONSULTATION_MISSED: Reason.STOPPED,
    EventName.QUOTE_SENT: Reason.STOPPED,
    EventName.ESTIMATE_CREATED: Reason.STOPPED,
}
# Those that say what a lead that is over is like, so that rules on them act with it.
ENDS: Mapping[str, str] = {EventName.LEAD_CONVERTED: "CONVERTED", EventName.LEAD_LOST: "LOST"}


def named(word: str) -> tuple[str, ...]:
    """The events that a rule means by a word."""
    return MOMENTS.get(word, (word,))


def reason_of(name: str) -> Reason | None:
    """The reason of the steps that this event stops; None for an event that stops nothing."""
    return STOPS.get(name) or (Reason.STOPPED if CUSTOM.fullmatch(name) else None)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a lead, with the facts as they were then.

    `facts` holds `lead`, and `task` and `event` where there are such; `subject_id` is what it happened to (a
    lead, task or activity). An event with the same name, subject and `key` is the same event: it plans once.
    `chain` is what led to it, where a step of the engine did it and not a person: see `chain`.
    """

    name: str  # an EventName, or an integrator's own
    lead_id: UUID
    subject_id: UUID
    occurred_at: datetime
    facts: Facts
    key: str = ""
    chain: Chain = FROM_OUTSIDE
    id: UUID = field(default_factory=new_id)

    def knowing(self, of_lead: Mapping[str, Any]) -> "Event":
        """The same event, with these facts of its lead besides those that it carries."""
        return replace(self, facts={**self.facts, "lead": {**of_lead, **self.facts["lead"]}}) if of_lead else self

    def following(self, chain: Chain) -> "Event":
        """The same event, with what led to it."""
        return self if chain is self.chain else replace(self, chain=chain)

    @property
    def is_about_a_task(self) -> bool:
        """Stops only the steps of that task, not all of the lead's."""
        return self.name.startswith("task.")

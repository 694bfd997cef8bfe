"""Domain events that rules listen to."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias, TypedDict
from uuid import UUID

from app.core.db import new_id
from app.core.telemetry.spans import TRACE
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.events.keys import keys_in
from app.engine.models import Reason

Facts: TypeAlias = Mapping[str, JsonObject]


def request_of(cause: JsonObject) -> JsonDict:
    """Return the part of a step's cause that names the request that began it all."""
    return {name: cause[name] for name in ("request_id", TRACE) if name in cause}


class StoredChain(TypedDict):
    """The JSON form of a chain: in an event's facts, and under `chain` in the cause of a step."""

    root: UUID | str
    depth: int
    rules: Sequence[str]


@dataclass(frozen=True, slots=True)
class Chain:
    """Cause of an event: the first event of the chain, the number of steps since then, and the rules of these steps.

    `request` is the part of the step's cause that names the request which began it all.
    """

    root: UUID | None = None
    depth: int = 0
    rules: tuple[str, ...] = ()
    request: JsonObject = field(default_factory=dict, hash=False)

    @classmethod
    def of(cls, cause: JsonObject) -> "Chain":
        """Return the chain that a step with this cause continues."""
        stored, request = cause.get("chain"), request_of(cause)
        if stored:
            return cls(UUID(stored["root"]), stored["depth"], tuple(stored["rules"]), request)
        return cls(request=request) if request else NO_CHAIN

    def as_json(self) -> StoredChain | None:
        """Return the JSON form that is stored with an event; None if there is no chain."""
        return {"root": self.root, "depth": self.depth, "rules": self.rules} if self.root else None

    def followed_by(self, rule: str, event_id: str) -> StoredChain:
        """Return the JSON form for a step that the rule plans because of that event."""
        return {
            "root": str(self.root) if self.root else event_id,
            "depth": self.depth + 1,
            "rules": [*self.rules, rule],
        }


NO_CHAIN = Chain()  # caused by a person, an integration or a sweep


class EventName(StrEnum):
    LEAD_CREATED = "lead.created"
    LEAD_UPDATED = "lead.updated"
    LEAD_ASSIGNED = "lead.assigned"
    LEAD_STAGE_CHANGED = "lead.stage_changed"
    LEAD_CONTACTED = "lead.contacted"  # a user was in contact with the lead
    LEAD_REPLIED = "lead.replied"
    LEAD_ATTEMPT_FAILED = "lead.attempt_failed"
    LEAD_OPTED_OUT = "lead.opted_out"
    LEAD_SCORED = "lead.scored"
    LEAD_CONVERTED = "lead.converted"
    LEAD_LOST = "lead.lost"
    LEAD_REOPENED = "lead.reopened"  # a lost lead was reopened
    LEAD_MERGED = "lead.merged"  # a duplicate was merged into this lead
    LEAD_STALE = "lead.stale"
    LEAD_STAGE_OVERDUE = "lead.stage_overdue"  # exceeded the stage's time limit
    LEAD_WITHOUT_NEXT_ACTION = "lead.without_next_action"  # no open task and no pending step that will act
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
    MESSAGE_SENT = "message.sent"  # message events concern messages to the lead
    MESSAGE_DELIVERED = "message.delivered"
    MESSAGE_OPENED = "message.opened"
    MESSAGE_CLICKED = "message.clicked"
    MESSAGE_BOUNCED = "message.bounced"
    MESSAGE_FAILED = "message.failed"


CUSTOM_NAME = re.compile(r"custom\.[a-z][a-z0-9_]{0,62}")  # custom events of an integration: POST /api/events

# Aliases that rules may listen to. No separate event is recorded for them.
EVENT_ALIASES: Mapping[str, tuple[EventName, ...]] = {
    "lead.stage_entered": (EventName.LEAD_CREATED, EventName.LEAD_STAGE_CHANGED),
    "lead.stage_left": (EventName.LEAD_STAGE_CHANGED,),
    # A lead's date is known when the lead is created or updated. Its step is planned then.
    "date.reached": (EventName.LEAD_CREATED, EventName.LEAD_UPDATED),
}
DATE_REACHED = "date.reached"
LISTENABLE_EVENTS = (*EventName, *EVENT_ALIASES)

# Events that may cancel pending steps, and the reason that the cancelled steps show.
STOP_REASONS: Mapping[str, Reason] = {
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
OF_MANY = "of_many"  # in the cause of a step that was planned for many leads at once: see `tasks/workload/spreading.py`
FEW: Final = 4  # a sweep that finds more leads at once has found many
# Events that follow from the time, from a sweep or from a change of the staff. They begin no follow-ups of a lead whose
# rules wait.
WITHOUT_OCCASION = frozenset(
    {
        *(EventName.LEAD_CREATED, EventName.LEAD_ASSIGNED, EventName.LEAD_SCORED),
        *(EventName.LEAD_STALE, EventName.LEAD_STAGE_OVERDUE, EventName.LEAD_WITHOUT_NEXT_ACTION),
    }
)
# Events that close a lead, by the status it has afterwards. Rules on these events may act on a closed lead.
STATUS_AFTER_CLOSING: Mapping[str, str] = {EventName.LEAD_CONVERTED: "CONVERTED", EventName.LEAD_LOST: "LOST"}


def expand_event_name(word: str) -> tuple[str, ...]:
    """Return the events that a name in a rule stands for."""
    return EVENT_ALIASES.get(word, (word,))


def stop_reason(name: str) -> Reason | None:
    """Return the reason for steps that this event cancels; None if it cancels no steps."""
    return STOP_REASONS.get(name) or (Reason.STOPPED if CUSTOM_NAME.fullmatch(name) else None)


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a lead, with the facts at that time.

    `facts` maps the groups `lead` and, where they exist, `task` and `event` to their facts by name. `subject_id` is the
    id of the lead, task or activity. Events with the same name, subject and `key` are the same event: their steps are
    planned once. `chain` is set if a step of the engine caused the event. `rules_wait`: no follow-ups are planned for
    the lead until something happens to it. `of_many`: it is one of many events that have one cause, such as an import.
    """

    name: str  # an EventName, or the name of a custom event
    lead_id: UUID
    subject_id: UUID
    occurred_at: datetime
    facts: Facts
    key: str = ""
    chain: Chain = NO_CHAIN
    rules_wait: bool = False
    of_many: bool = False
    id: UUID = field(default_factory=new_id)

    def with_facts(self, of_lead: JsonObject) -> "Event":
        """Return the event with additional facts of its lead. Facts that it already carries stay."""
        return replace(self, facts={**self.facts, "lead": {**of_lead, **self.facts["lead"]}}) if of_lead else self

    def with_chain(self, chain: Chain) -> "Event":
        """Return the event with this chain."""
        return self if chain is self.chain else replace(self, chain=chain)

    @property
    def identity(self) -> str:
        """Name, subject and key: equal for the same event, recorded again."""
        return f"{self.name}:{self.subject_id}:{self.key}"

    def planned(self, dedupe_key: str | None) -> bool:
        """Whether a step with this deduplication key was planned by this event, recorded before."""
        return f":{self.identity}:" in (dedupe_key or "")

    @property
    def is_occasion(self) -> bool:
        """Whether rules of a lead that wait begin with this event."""
        return self.name not in WITHOUT_OCCASION

    @property
    def keys(self) -> list[str] | None:
        """The subjects of a custom event, as keys; None of other events, which are about the whole lead."""
        return keys_in(self.facts.get("event", {})) if CUSTOM_NAME.fullmatch(self.name) else None

    @property
    def is_about_a_task(self) -> bool:
        """Whether the event cancels only the steps of its task, not all steps of the lead."""
        return self.name.startswith("task.")

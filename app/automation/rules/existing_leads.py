"""Existing leads for backfills: their current state, and the past events that it proves."""

from collections import namedtuple
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from app.engine.events.events import DATE_REACHED, Event, EventName
from app.leads.events import FACT_COLUMNS, LazyContact, lead_created, lead_event

COLUMNS: Final = (
    *("id", *FACT_COLUMNS, "stage_entered_at", "stage_overdue_since", "created_at", "last_activity_at", "stale_since"),
    *("without_next_action_since", "opted_out_channels", "restricted_at", "state", "social_platform", "social_handle"),
    "sealed",
)
COLUMNS_SQL: Final = ", ".join(f"l.{name}" for name in COLUMNS)

_Columns: Any = namedtuple("_Columns", COLUMNS)  # type: ignore[misc]  # noqa: PYI024  (the fields are the query's)


class ExistingLead(_Columns, LazyContact):
    """A lead, with the columns that rules and the gate need."""

    __slots__ = ()
    status: str
    pipeline_stage: str
    created_at: datetime
    stage_entered_at: datetime
    restricted_at: datetime | None
    failed_attempts: int
    contacted_at: datetime | None
    replied_at: datetime | None
    opted_out_at: datetime | None
    assigned_to_id: UUID | None
    preferred_contact: str
    timezone: str | None
    language: str | None
    source_id: UUID
    state: str | None
    opted_out_channels: Collection[str]
    social_platform: str | None
    social_handle: str | None


class PastEvent(NamedTuple):
    """A past event of a lead. `since`: the time from which a rule's wait counts; None: from now."""

    event: Event
    since: datetime | None = None


def past_events(lead: ExistingLead, events: Sequence[str], at: datetime) -> list[PastEvent]:
    """Return those of the events that happened to the lead, as of `at`."""
    found = [_EVENT_BUILDERS[name](lead, at) for name in events]
    return [event for event in found if event is not None]


def unsupported_events(events: Sequence[str]) -> list[str]:
    """Return the events that cannot be derived from a lead's state."""
    return [name for name in events if name not in _EVENT_BUILDERS]


def _created(lead: ExistingLead, at: datetime) -> PastEvent:
    return PastEvent(lead_created(lead, at))


def _entered(lead: ExistingLead, at: datetime) -> PastEvent:
    """The event of entering the current stage. For the first stage it is the lead's creation."""
    since = lead.stage_entered_at
    if since <= lead.created_at:
        return PastEvent(lead_created(lead, at), since)
    about = {"stage": lead.pipeline_stage, "previous_stage": None}
    event = lead_event(EventName.LEAD_STAGE_CHANGED, lead, at, about=about, key=since.isoformat())
    return PastEvent(event, since)


def _flagged(name: EventName, column: str, key: str) -> "_EventBuilder":
    """Return the event that a sweep recorded when it flagged the lead, with the same deduplication key."""

    def build(lead: ExistingLead, at: datetime) -> PastEvent | None:
        if getattr(lead, column) is None:
            return None
        return PastEvent(lead_event(name, lead, at, key=getattr(lead, key).isoformat()))

    return build


_EventBuilder = Callable[[ExistingLead, datetime], PastEvent | None]
_EVENT_BUILDERS: Final[Mapping[str, _EventBuilder]] = {
    EventName.LEAD_CREATED: _created,
    DATE_REACHED: _created,  # its steps are identified by the date, not by the event
    "lead.stage_entered": _entered,
    EventName.LEAD_STALE: _flagged(EventName.LEAD_STALE, "stale_since", "last_activity_at"),
    EventName.LEAD_STAGE_OVERDUE: _flagged(EventName.LEAD_STAGE_OVERDUE, "stage_overdue_since", "stage_entered_at"),
    EventName.LEAD_WITHOUT_NEXT_ACTION: _flagged(
        EventName.LEAD_WITHOUT_NEXT_ACTION, "without_next_action_since", "without_next_action_since"
    ),
}
SUPPORTED_EVENTS: Final = tuple(_EVENT_BUILDERS)

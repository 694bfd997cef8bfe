"""Leads that were there before a rule: as they are now, and the events that their state tells of."""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from app.engine.events.events import DATE_REACHED, Event, EventName
from app.leads.events import LazyContact, lead_created, lead_event

COLUMNS: Final = (
    *("id", "status", "pipeline_stage", "stage_entered_at", "stage_overdue_since", "created_at", "last_activity_at"),
    *("stale_since", "without_next_action_since", "failed_attempts", "contacted_at", "replied_at", "opted_out_at"),
    *("opted_out_channels", "restricted_at", "assigned_to_id", "preferred_contact", "timezone", "language"),
    *("source_id", "state", "social_handle", "sealed"),
)
COLUMNS_SQL: Final = ", ".join(f"l.{name}" for name in COLUMNS)

_Columns: Any = namedtuple("_Columns", COLUMNS)  # type: ignore[misc]  # noqa: PYI024  (the fields are the query's)


class ExistingLead(_Columns, LazyContact):
    """A lead, as far as rules and the gate ask."""

    __slots__ = ()
    status: str
    pipeline_stage: str
    created_at: datetime
    stage_entered_at: datetime
    restricted_at: datetime | None


class Told(NamedTuple):
    """What a lead's state tells: that this happened, and when, where the rule's wait counts from that moment."""

    event: Event
    since: datetime | None = None


def told_by(lead: ExistingLead, words: Sequence[str], at: datetime) -> list[Told]:
    """Of the events that a rule listens to, those that happened to the lead, as of `at`."""
    found = [_TELLS[word](lead, at) for word in words]
    return [told for told in found if told is not None]


def untold(words: Sequence[str]) -> list[str]:
    """Those that no lead's state tells of."""
    return [word for word in words if word not in _TELLS]


def _created(lead: ExistingLead, at: datetime) -> Told:
    return Told(lead_created(lead, at))


def _entered(lead: ExistingLead, at: datetime) -> Told:
    """Into its first stage it came as it was taken in."""
    since = lead.stage_entered_at
    if since <= lead.created_at:
        return Told(lead_created(lead, at), since)
    about = {"stage": lead.pipeline_stage, "previous_stage": None}
    event = lead_event(EventName.LEAD_STAGE_CHANGED, lead, at, about=about, key=since.isoformat())
    return Told(event, since)


def _marked(name: EventName, column: str, key: str) -> "_Tell":
    """A sweep has marked it, and told the rules then: by the same key."""

    def tell(lead: ExistingLead, at: datetime) -> Told | None:
        if getattr(lead, column) is None:
            return None
        return Told(lead_event(name, lead, at, key=getattr(lead, key).isoformat()))

    return tell


_Tell = Callable[[ExistingLead, datetime], Told | None]
_TELLS: Final[Mapping[str, _Tell]] = {
    EventName.LEAD_CREATED: _created,
    DATE_REACHED: _created,  # its steps are known by the date, not by the event
    "lead.stage_entered": _entered,
    EventName.LEAD_STALE: _marked(EventName.LEAD_STALE, "stale_since", "last_activity_at"),
    EventName.LEAD_STAGE_OVERDUE: _marked(EventName.LEAD_STAGE_OVERDUE, "stage_overdue_since", "stage_entered_at"),
    EventName.LEAD_WITHOUT_NEXT_ACTION: _marked(
        EventName.LEAD_WITHOUT_NEXT_ACTION, "without_next_action_since", "without_next_action_since"
    ),
}
TOLD: Final = tuple(_TELLS)

"""Effects of an activity on its lead: contact fields and events. Pure, so that the simulation shares it."""

from collections.abc import Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Final, TypeAlias

from app.core.type_aliases import JsonDict, JsonObject
from app.engine.events.events import Event, EventName
from app.leads.events import LeadColumns, lead_event
from app.leads.pipeline.consultations import COMPLETED, SCHEDULED
from app.leads.pipeline.lead_state import WritableLead, mark_active
from app.leads.timeline.models import FAILED_ATTEMPTS, Activity, ActivityType, Direction, Outcome
from app.leads.timeline.vocabulary import DEFAULT_CHANNELS, OUTBOUND_BY_DEFAULT

LoggedActivity: TypeAlias = Activity | SimpleNamespace  # the simulation logs namespaces
STAGE_OF: Final[Mapping[str, str]] = {
    ActivityType.CONSULTATION_SCHEDULED: SCHEDULED,
    ActivityType.CONSULTATION_COMPLETED: COMPLETED,
}
# Activity types with an event besides `activity.logged` (simplepro-follow-up-automation.md, "Event Types").
EVENT_OF: Final[Mapping[str, EventName]] = {
    ActivityType.CONSULTATION_MISSED: EventName.CONSULTATION_MISSED,
    ActivityType.QUOTE_SENT: EventName.QUOTE_SENT,
    ActivityType.ESTIMATE_CREATED: EventName.ESTIMATE_CREATED,
}
MEETINGS: Final = frozenset({ActivityType.IN_PERSON, ActivityType.CONSULTATION_COMPLETED})


def with_implied_values(data: JsonObject) -> JsonDict:
    """Add the channel and direction that the type implies."""
    implied: JsonDict = {"channel": DEFAULT_CHANNELS.get(data["type"])}
    if data["type"] in OUTBOUND_BY_DEFAULT:
        implied["direction"] = Direction.OUTBOUND
    return {**implied, **data}


def apply_contact(lead: WritableLead, entry: LoggedActivity) -> list[Event]:
    """Update the lead's contact fields from an activity. Returns the contact, reply and attempt events."""
    has_met = entry.outcome == Outcome.SPOKE or entry.type in MEETINGS
    has_replied = entry.direction == Direction.INBOUND and not entry.is_auto_reply
    names = []
    if has_met:
        lead.contacted_at = _later(lead.contacted_at, entry.occurred_at)
        names.append(EventName.LEAD_CONTACTED)
    if has_replied:
        lead.replied_at = _later(lead.replied_at, entry.occurred_at)
        names.append(EventName.LEAD_REPLIED)
    if has_met or has_replied:
        lead.failed_attempts = 0
        lead.lost_suggested_at = lead.lost_suggested_reason = None
    elif entry.outcome in FAILED_ATTEMPTS:
        lead.failed_attempts += 1
        names.append(EventName.LEAD_ATTEMPT_FAILED)
    if names:
        mark_active(lead)
    return [activity_event(name, lead, entry) for name in names]


def extra_events(lead: LeadColumns, entry: LoggedActivity) -> list[Event]:
    """Return the further events of the activity's type, such as `quote.sent`."""
    return [activity_event(EVENT_OF[entry.type], lead, entry)] if entry.type in EVENT_OF else []


def activity_event(name: EventName, lead: LeadColumns, entry: LoggedActivity) -> Event:
    """Return an event about the activity, with the lead's current facts."""
    about = {"type": entry.type, "outcome": entry.outcome, "direction": entry.direction}
    return lead_event(name, lead, entry.created_at, about=about, subject_id=entry.id, key="")


def _later(current: datetime | None, at: datetime) -> datetime:
    return max(current, at) if current else at

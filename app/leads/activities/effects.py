"""Effects of an activity on its lead: contact fields and events. Pure, so that the simulation shares it."""

from collections.abc import Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Final, TypeAlias

from app.core.type_aliases import JsonDict, JsonObject
from app.engine.events.events import Event, EventName
from app.identity.actor import Actor
from app.leads.events import LeadColumns, lead_event
from app.leads.pipeline.consultations import COMPLETED, SCHEDULED, consultation_event
from app.leads.pipeline.lead_state import WritableLead, mark_active, mark_activity, note_contact, set_stage
from app.leads.pipeline.models import CONTACTED
from app.leads.pipeline.stages import Stages, can_move
from app.leads.timeline.models import ANSWERED, FAILED_ATTEMPTS, WRITTEN, Activity, ActivityType, Direction
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
CONTACT_EVENTS: Final = frozenset({EventName.LEAD_CONTACTED, EventName.LEAD_REPLIED, EventName.LEAD_ATTEMPT_FAILED})
# Entries of these types tell of a contact, unless their outcome says that nobody was there.
MEETINGS: Final = frozenset({ActivityType.IN_PERSON, *STAGE_OF})


def with_implied_values(data: JsonObject) -> JsonDict:
    """Add the channel and direction that the type implies."""
    implied: JsonDict = {"channel": DEFAULT_CHANNELS.get(data["type"])}
    if data["type"] in OUTBOUND_BY_DEFAULT:
        implied["direction"] = Direction.OUTBOUND
    return {**implied, **data}


def apply_activity(lead: WritableLead, actor: Actor, entry: LoggedActivity, stages: Stages) -> list[Event]:
    """Apply an activity to its lead. Returns its events, `activity.logged` first, which the caller records.

    `entry` is an `Activity` or an object with its columns. `stages`: as for `can_move`. Call `mark_updated` first.
    """
    mark_activity(lead, entry.occurred_at)
    effects = [*apply_contact(lead, entry), *_stage_change(lead, actor, entry, stages), *_extra_events(lead, entry)]
    return [activity_event(EventName.ACTIVITY_LOGGED, lead, entry), *effects]


def apply_contact(lead: WritableLead, entry: LoggedActivity) -> list[Event]:
    """Update the lead's contact fields from an activity. Returns the contact, reply and attempt events."""
    has_replied = entry.direction == Direction.INBOUND and not entry.is_auto_reply
    names = []
    if is_contact(entry):
        note_contact(lead, entry.occurred_at)
        names.append(EventName.LEAD_CONTACTED)
    if has_replied:
        lead.replied_at = _later(lead.replied_at, entry.occurred_at)
        lead.failed_attempts = 0
        lead.lost_suggested_at = lead.lost_suggested_reason = None
        names.append(EventName.LEAD_REPLIED)
    if not names and is_failed_attempt(entry):
        lead.first_contact_at = min(lead.first_contact_at or entry.occurred_at, entry.occurred_at)
        lead.failed_attempts += 1
        names.append(EventName.LEAD_ATTEMPT_FAILED)
    if names:
        mark_active(lead)
    return [activity_event(name, lead, entry) for name in names]


def is_contact(entry: LoggedActivity) -> bool:
    """Return whether the activity tells that a user was in contact with the lead: a conversation, or a consultation."""
    return entry.outcome in ANSWERED or (entry.type in MEETINGS and entry.outcome is None)


def is_failed_attempt(entry: LoggedActivity) -> bool:
    """Return whether the activity is an attempt without an answer. An outbound message has none when it is logged."""
    is_message = entry.type in WRITTEN and entry.direction == Direction.OUTBOUND and entry.outcome is None
    return is_message or (entry.outcome in FAILED_ATTEMPTS and entry.direction != Direction.INBOUND)


def _stage_change(lead: WritableLead, actor: Actor, entry: LoggedActivity, stages: Stages) -> list[Event]:
    """Move the lead to the stage of the consultation, or of a contact, unless it is there or past it."""
    stage = STAGE_OF.get(entry.type)
    moved: list[Event] = []
    for wanted in (stage, CONTACTED) if is_contact(entry) else ():
        if wanted and can_move(stages, lead.pipeline_stage, wanted):
            moved.append(set_stage(lead, wanted, at=entry.created_at))
            break
    if stage is None:
        return moved
    mark_active(lead)
    when = entry.scheduled_for
    return [*moved, consultation_event(stage, lead, actor.clinic, at=entry.occurred_at, scheduled_for=when)]


def _extra_events(lead: WritableLead, entry: LoggedActivity) -> list[Event]:
    """Return the further events of the activity's type, such as `quote.sent`."""
    return [activity_event(EVENT_OF[entry.type], lead, entry)] if entry.type in EVENT_OF else []


def activity_event(name: EventName, lead: LeadColumns, entry: LoggedActivity) -> Event:
    """Return an event about the activity, with the lead's current facts."""
    about = {"type": entry.type, "outcome": entry.outcome, "direction": entry.direction}
    if sentiment := getattr(entry, "sentiment", None):
        about["sentiment"] = sentiment
    return lead_event(name, lead, entry.created_at, about=about, subject_id=entry.id, key="")


def _later(current: datetime | None, at: datetime) -> datetime:
    return max(current, at) if current else at

"""Effects of an activity on its lead: contact fields and events. Pure, so that the simulation shares it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
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
from app.leads.timeline.models import ANSWERED, FAILED_ATTEMPTS, WRITTEN, Activity, ActivityType, CountsAs, Direction
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
# A user who writes within this time after the lead answers it, however often: a conversation has several messages.
CONVERSATION: Final = timedelta(days=1)
CONTACT_EVENTS: Final = frozenset({EventName.LEAD_CONTACTED, EventName.LEAD_REPLIED, EventName.LEAD_ATTEMPT_FAILED})
# Entries of these types tell of a contact, unless their outcome says that nobody was there.
MEETINGS: Final = frozenset({ActivityType.IN_PERSON, *STAGE_OF})


def with_implied_values(data: JsonObject) -> JsonDict:
    """Add the channel and direction that the type implies."""
    implied: JsonDict = {"channel": DEFAULT_CHANNELS.get(data["type"])}
    if data["type"] in OUTBOUND_BY_DEFAULT:
        implied["direction"] = Direction.OUTBOUND
    return {**implied, **data}


def apply_activity(
    lead: WritableLead, actor: Actor, entry: LoggedActivity, stages: Stages, *, later_attempts: int = 0
) -> list[Event]:
    """Apply an activity to its lead. Returns its events, `activity.logged` first, which the caller records.

    `entry` is an `Activity` or an object with its columns. `stages`: as for `can_move`. `later_attempts`: as for
    `apply_contact`. Call `mark_updated` first.
    """
    mark_activity(lead, entry.occurred_at)
    contact = apply_contact(lead, entry, stages, at=entry.created_at, later_attempts=later_attempts)
    effects = [*contact, *_consultation(lead, actor, entry), *_extra_events(lead, entry)]
    return [activity_event(EventName.ACTIVITY_LOGGED, lead, entry, at=entry.created_at), *effects]


def apply_contact(
    lead: WritableLead, entry: LoggedActivity, stages: Stages, *, at: datetime, later_attempts: int = 0
) -> list[Event]:
    """Update the lead's contact fields and stage. Returns the contact, reply, attempt and stage events.

    `later_attempts`: the attempts after the entry and after the lead's last response that are known already.
    """
    names = []
    before = last_response(lead)
    if is_contact(entry):
        note_contact(lead, entry.occurred_at)
        names.append(EventName.LEAD_CONTACTED)
    if is_reply(entry):
        lead.replied_at = _later(lead.replied_at, entry.occurred_at)
        lead.lost_suggested_at = lead.lost_suggested_reason = None
        names.append(EventName.LEAD_REPLIED)
    if names:
        lead.failed_attempts = later_attempts
        mark_active(lead)
    elif is_failed_attempt(entry):
        lead.first_contact_at = min(lead.first_contact_at or entry.occurred_at, entry.occurred_at)
        mark_active(lead)
        if before is None or entry.occurred_at >= before:  # else a response followed it
            lead.failed_attempts += 1
            names.append(EventName.LEAD_ATTEMPT_FAILED)
    key = "" if at == entry.created_at else at.isoformat()  # a message may be handed over more than once
    events = [activity_event(name, lead, entry, at=at, key=key) for name in names]
    return [*events, *_stage_change(lead, entry, stages, at=at)]


def last_response(lead: LeadColumns) -> datetime | None:
    """Return when the lead last replied, or a user was in contact with it; None if neither is known."""
    return max((at for at in (lead.contacted_at, lead.replied_at) if at), default=None)


def is_contact(entry: LoggedActivity) -> bool:
    """Return whether the activity tells that a user was in contact with the lead.

    That is a conversation, a consultation, or an answer to the lead's own message.
    """
    has_met = entry.outcome in ANSWERED or (entry.type in MEETINGS and entry.outcome is None)
    return has_met or entry.counts_as == CountsAs.ANSWER


def is_reply(entry: LoggedActivity) -> bool:
    """Return whether the lead wrote or called. Neither an automatic reply nor a keyword such as STOP is a reply."""
    return entry.direction == Direction.INBOUND and not entry.is_auto_reply and entry.counts_as is None


def is_failed_attempt(entry: LoggedActivity) -> bool:
    """Return whether the activity is an attempt without an answer. An outbound message has none when it is sent."""
    is_attempt = is_message(entry) and entry.counts_as is None
    return is_attempt or (entry.outcome in FAILED_ATTEMPTS and entry.direction != Direction.INBOUND)


def is_message(entry: LoggedActivity) -> bool:
    """Return whether a user wrote to the lead, and no outcome says what came of it."""
    return entry.type in WRITTEN and entry.direction == Direction.OUTBOUND and entry.outcome is None


def is_answer(lead: LeadColumns, entry: LoggedActivity) -> bool:
    """Return whether a message to the lead answers the lead's own message, so that it is no attempt.

    Every message within `CONVERSATION` after it does, and later the first one, if nobody was in contact meanwhile.
    """
    if not is_message(entry) or lead.replied_at is None or lead.replied_at > entry.occurred_at:
        return False
    is_first = lead.contacted_at is None or lead.contacted_at < lead.replied_at
    return is_first or entry.occurred_at - lead.replied_at <= CONVERSATION


def _stage_change(lead: WritableLead, entry: LoggedActivity, stages: Stages, *, at: datetime) -> list[Event]:
    """Move the lead to the stage of the consultation, or of a contact, unless it is there or past it."""
    for stage in (STAGE_OF.get(entry.type), CONTACTED) if is_contact(entry) else ():
        if stage and can_move(stages, lead.pipeline_stage, stage):
            return [set_stage(lead, stage, at=at)]
    return []


def _consultation(lead: WritableLead, actor: Actor, entry: LoggedActivity) -> list[Event]:
    """Return the event of a consultation."""
    if entry.type not in STAGE_OF:
        return []
    mark_active(lead)
    stage, when = STAGE_OF[entry.type], entry.scheduled_for
    return [consultation_event(stage, lead, actor.clinic, at=entry.occurred_at, scheduled_for=when)]


def _extra_events(lead: WritableLead, entry: LoggedActivity) -> list[Event]:
    """Return the further events of the activity's type, such as `quote.sent`."""
    is_known = entry.type in EVENT_OF
    return [activity_event(EVENT_OF[entry.type], lead, entry, at=entry.created_at)] if is_known else []


def activity_event(name: EventName, lead: LeadColumns, entry: LoggedActivity, *, at: datetime, key: str = "") -> Event:
    """Return an event about the activity, with the lead's current facts."""
    about = {"type": entry.type, "outcome": entry.outcome, "direction": entry.direction}
    if sentiment := getattr(entry, "sentiment", None):
        about["sentiment"] = sentiment
    return lead_event(name, lead, at, about=about, subject_id=entry.id, key=key)


def _later(current: datetime | None, at: datetime) -> datetime:
    return max(current, at) if current else at

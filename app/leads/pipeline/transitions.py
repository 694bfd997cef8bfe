"""Stage changes, endings and reopenings of a lead: its columns and events. Pure: services and simulations share them.

Each function changes the lead (a `Lead`, or an object with its columns) and returns the events to record.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from app.engine.events.events import Event, EventName
from app.engine.models import Reason
from app.identity.actor import Actor
from app.leads.enums import LeadStatus
from app.leads.events import lead_event
from app.leads.pipeline.consultations import EVENT_OF, consultation_event
from app.leads.pipeline.lead_state import mark_updated, note_contact, set_stage
from app.leads.pipeline.models import LOST, STARTED
from app.leads.timeline.models import ActivityType


class Ending(NamedTuple):
    """Stage and event of an end, and the reason written to what it cancels."""

    stage: str
    event: EventName
    reason: Reason


ENDINGS: Final[Mapping[str, Ending]] = {
    LeadStatus.CONVERTED: Ending(STARTED, EventName.LEAD_CONVERTED, Reason.CONVERTED),
    LeadStatus.LOST: Ending(LOST, EventName.LEAD_LOST, Reason.LOST),
}


def move(
    lead: Any,
    actor: Actor,
    stage: str,
    *,
    at: datetime,
    is_contact: bool,
    reason: str | None = None,
    scheduled_for: datetime | None = None,
) -> list[Event]:
    """Move the lead to a later stage. The two terminal stages close it; `reason` is for the stage `lost`.

    `is_contact`: the stage tells that the lead was contacted (`tells_contact`).
    """
    if stage == LOST:
        return lose(lead, actor, reason, at=at)
    if stage == STARTED:
        return convert(lead, actor, at=at)
    mark_updated(lead, actor, at)
    is_news = is_contact and (stage in EVENT_OF or lead.contacted_at is None)  # a booking is a contact each time
    if is_news:
        note_contact(lead, at)
    events = [set_stage(lead, stage, at=at)]
    if stage in EVENT_OF:
        events.append(consultation_event(stage, lead, actor.clinic, at=at, scheduled_for=scheduled_for))
    return [*events, _contacted(lead, at)] if is_news else events


def convert(lead: Any, actor: Actor, *, at: datetime) -> list[Event]:
    """Convert the lead to a patient. If no contact is known, this is one."""
    lead.converted_at = at
    _note_first_contact(lead, at)
    return _close(lead, actor, LeadStatus.CONVERTED, at=at)


def lose(lead: Any, actor: Actor, reason: str | None, *, at: datetime) -> list[Event]:
    """Close the lead as lost."""
    lead.lost_at, lead.lost_reason = at, reason
    return _close(lead, actor, LeadStatus.LOST, at=at)


def _close(lead: Any, actor: Actor, status: LeadStatus, *, at: datetime) -> list[Event]:
    ending, lead.status = ENDINGS[status], status
    mark_updated(lead, actor, at)
    moved = set_stage(lead, ending.stage, at=at)
    return [lead_event(ending.event, lead, at, about={"reason": lead.lost_reason}), moved]


def reopen(lead: Any, actor: Actor, stage: str, *, at: datetime, is_contact: bool) -> list[Event]:
    """Reopen a lost lead in the stage. The timeline keeps the loss. `is_contact`: as for `move`."""
    lead.status = LeadStatus.ACTIVE
    lead.without_next_action_since = None
    lead.lost_at = lead.lost_reason = lead.lost_notes = None
    lead.lost_suggested_at = lead.lost_suggested_reason = None
    lead.failed_attempts = 0
    mark_updated(lead, actor, at)
    is_news = is_contact and _note_first_contact(lead, at)
    moved = set_stage(lead, stage, at=at)
    reopened = lead_event(EventName.LEAD_REOPENED, lead, at, about={"stage": stage})
    return [moved, reopened, *([_contacted(lead, at)] if is_news else [])]


def _note_first_contact(lead: Any, at: datetime) -> bool:
    """Note the contact that a stage tells, if none is known. Return whether it is news."""
    is_news = lead.contacted_at is None
    if is_news:
        note_contact(lead, at)
    return is_news


def _contacted(lead: Any, at: datetime) -> Event:
    about = {"type": ActivityType.STAGE_CHANGE, "outcome": None, "direction": None}
    return lead_event(EventName.LEAD_CONTACTED, lead, at, about=about)

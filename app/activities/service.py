"""Logging what happened with a lead, and what follows from it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.activities.models import FAILED_ATTEMPTS, Activity, ActivityType, Direction, Outcome
from app.activities.schemas import CHANNEL_OF, ONE_WAY
from app.activities.timeline import write_entry
from app.automation.events import Event, EventName
from app.automation.service import record
from app.clock import now
from app.http.paging import Key, Page, page
from app.identity.actor import Actor
from app.leads.consultations import COMPLETED, SCHEDULED, consultation_event
from app.leads.facts import lead_event
from app.leads.lookup import read_lead, require_open, unlocked_lead
from app.leads.models import Lead
from app.leads.progress import begin, tend, touch
from app.leads.rotting import date_rotting
from app.leads.stages import advance

CHRONOLOGICAL: Final[list[Key]] = [(Activity.occurred_at, "asc"), (Activity.id, "asc")]

STAGE_OF: Final[Mapping[str, str]] = {
    ActivityType.CONSULTATION_SCHEDULED: SCHEDULED,
    ActivityType.CONSULTATION_COMPLETED: COMPLETED,
}
# What is an event of its own besides being logged (simplepro-follow-up-automation.md, "Event Types").
EVENT_OF: Final[Mapping[str, EventName]] = {
    ActivityType.CONSULTATION_MISSED: EventName.CONSULTATION_MISSED,
    ActivityType.QUOTE_SENT: EventName.QUOTE_SENT,
    ActivityType.ESTIMATE_CREATED: EventName.ESTIMATE_CREATED,
}
MEETINGS: Final = frozenset({ActivityType.IN_PERSON, ActivityType.CONSULTATION_COMPLETED})


def log_activity(session: Session, actor: Actor, lead_id: UUID, data: Mapping[str, Any]) -> Activity:
    """Write an entry from `data`, as `ActivityIn` reads it, and draw the conclusions.

    Who was spoken to counts as contacted, what came in as a reply, an attempt without answer as one more in a row;
    a consultation moves the lead to its stage. Raises NotFound, LeadIsLocked, and for a consultation LeadIsClosed.
    """
    lead = unlocked_lead(session, actor, lead_id)
    if data["type"] in STAGE_OF:
        require_open(lead)
    at = now()
    touch(lead, actor, at)
    entry = write_entry(session, actor, lead, at=at, **_completed(data))
    tend(lead, entry.occurred_at)
    conclusions = _contact(lead, entry)
    if conclusions:
        date_rotting(session, actor.clinic, lead)
    conclusions += _consultation(session, actor, lead, entry)
    conclusions += [_event(EVENT_OF[entry.type], lead, entry)] if entry.type in EVENT_OF else []
    record(session, actor.clinic, _event(EventName.ACTIVITY_LOGGED, lead, entry), *conclusions)
    return entry


def timeline(session: Session, actor: Actor, lead_id: UUID, query: Mapping[str, Any]) -> Page:
    """All that happened with a lead, in the order it happened. Raises NotFound."""
    read_lead(session, actor, lead_id)
    entries = _ROWS.where(Activity.lead_id == lead_id, Activity.clinic_id == actor.clinic.id)
    return page(session, entries, CHRONOLOGICAL, query)


_ROWS: Final = select(Activity.__table__)


def _completed(data: Mapping[str, Any]) -> dict[str, Any]:
    """With what the type says of itself."""
    implied: dict[str, Any] = {"channel": CHANNEL_OF.get(data["type"])}
    if data["type"] in ONE_WAY:
        implied["direction"] = Direction.OUTBOUND
    return {**implied, **data}


def _contact(lead: Lead, entry: Activity) -> list[Event]:
    """What the entry says about reaching the lead, and being reached by them."""
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
        begin(lead)
    return [_event(name, lead, entry) for name in names]


def _consultation(session: Session, actor: Actor, lead: Lead, entry: Activity) -> list[Event]:
    stage = STAGE_OF.get(entry.type)
    if stage is None:
        return []
    begin(lead)
    moved = advance(session, actor, lead, stage, at=entry.created_at)
    happened = consultation_event(stage, lead, actor.clinic, at=entry.occurred_at, scheduled_for=entry.scheduled_for)
    return [*moved, happened]


def _event(name: EventName, lead: Lead, entry: Activity) -> Event:
    about = {"type": entry.type, "outcome": entry.outcome, "direction": entry.direction}
    return lead_event(name, lead, entry.created_at, about=about, subject_id=entry.id, key="")


def _later(known: datetime | None, at: datetime) -> datetime:
    return max(known, at) if known else at

"""Logging what happened with a lead, and what follows from it."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.pagination import Key, Page, page
from app.engine.events.events import Event, EventName
from app.engine.service import record
from app.identity.actor import Actor
from app.leads.lookup import read_lead, require_open, unlocked_lead
from app.leads.models import Lead
from app.leads.pipeline.consultations import consultation_event
from app.leads.pipeline.progress import begin, tend, touch
from app.leads.pipeline.rotting import date_rotting
from app.leads.pipeline.stages import advance
from app.leads.timeline.conclusions import STAGE_OF, completed, contact, news, told
from app.leads.timeline.entries import write_entry
from app.leads.timeline.models import Activity

CHRONOLOGICAL: Final[list[Key]] = [(Activity.occurred_at, "asc"), (Activity.id, "asc")]


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
    entry = write_entry(session, actor, lead, at=at, **completed(data))
    tend(lead, entry.occurred_at)
    conclusions = contact(lead, entry)
    if conclusions:
        date_rotting(session, actor.clinic, lead)
    conclusions += _consultation(session, actor, lead, entry)
    conclusions += news(lead, entry)
    record(session, actor.clinic, told(EventName.ACTIVITY_LOGGED, lead, entry), *conclusions)
    return entry


def timeline(session: Session, actor: Actor, lead_id: UUID, query: Mapping[str, Any]) -> Page:
    """All that happened with a lead, in the order it happened. Raises NotFound."""
    read_lead(session, actor, lead_id)
    entries = _ROWS.where(Activity.lead_id == lead_id, Activity.clinic_id == actor.clinic.id)
    return page(session, entries, CHRONOLOGICAL, query)


_ROWS: Final = select(Activity.__table__)


def _consultation(session: Session, actor: Actor, lead: Lead, entry: Activity) -> list[Event]:
    stage = STAGE_OF.get(entry.type)
    if stage is None:
        return []
    begin(lead)
    moved = advance(session, actor, lead, stage, at=entry.created_at)
    happened = consultation_event(stage, lead, actor.clinic, at=entry.occurred_at, scheduled_for=entry.scheduled_for)
    return [*moved, happened]

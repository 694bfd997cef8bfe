"""How a lead ends: as a patient, or lost; and how it asks not to be written to."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from app.clock import now
from app.core.ports import Listeners
from app.engine.events.events import EventName
from app.engine.models import Reason
from app.engine.service import record
from app.identity.actor import Actor
from app.leads.facts.events import lead_event
from app.leads.lookup import open_lead
from app.leads.models import Lead, LeadStatus
from app.leads.pipeline.models import LOST, STARTED
from app.leads.pipeline.progress import enter_stage, touch


class Ending(NamedTuple):
    """What an end is called: as a stage, as an event, and as the reason on what it ends."""

    stage: str
    event: EventName
    reason: Reason


# Called in the same transaction when a lead is converted, lost or erased: lead, reason, time.
lead_ended: Listeners[[Session, UUID, Reason, datetime]] = Listeners("lead_ended")

CONVERTED: Final = Ending(STARTED, EventName.LEAD_CONVERTED, Reason.CONVERTED)
GIVEN_UP: Final = Ending(LOST, EventName.LEAD_LOST, Reason.LOST)


def convert(session: Session, actor: Actor, lead_id: UUID, *, patient_id: UUID | None = None) -> Lead:
    """The lead has become a patient (of that id elsewhere): everything open ends, and the lead is locked.

    Raises NotFound, LeadIsLocked, LeadIsClosed.
    """
    lead = open_lead(session, actor, lead_id)
    return become_patient(session, actor, lead, patient_id=patient_id)


def lose(session: Session, actor: Actor, lead_id: UUID, data: Mapping[str, Any]) -> Lead:
    """The lead will not become a patient, for `data["reason"]`; everything open ends.

    Raises NotFound, LeadIsLocked, LeadIsClosed.
    """
    return give_up_on(session, actor, open_lead(session, actor, lead_id), data)


def become_patient(session: Session, actor: Actor, lead: Lead, *, patient_id: UUID | None = None) -> Lead:
    """Convert a lead that is locked for it, and open."""
    at = now()
    lead.status = LeadStatus.CONVERTED
    lead.converted_at = at
    lead.converted_to_patient_id = patient_id
    _end(session, actor, lead, CONVERTED, at=at)
    return lead


def give_up_on(session: Session, actor: Actor, lead: Lead, data: Mapping[str, Any]) -> Lead:
    """Lose a lead that is locked for it, and open."""
    at = now()
    lead.status = LeadStatus.LOST
    lead.lost_at = at
    lead.lost_reason = data["reason"]
    lead.lost_notes = data.get("notes")
    _end(session, actor, lead, GIVEN_UP, at=at)
    return lead


def _end(session: Session, actor: Actor, lead: Lead, ending: Ending, *, at: datetime) -> None:
    touch(lead, actor, at)
    moved = enter_stage(session, actor, lead, ending.stage, at=at)
    lead_ended(session, lead.id, ending.reason, at)
    over = lead_event(ending.event, lead, at, about={"reason": lead.lost_reason})
    record(session, actor.clinic, over, moved)  # what both stop, the end has stopped

"""End of a lead: converted to a patient, or lost."""

from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from app.clock import now
from app.core.ports import Listeners
from app.core.type_aliases import JsonObject
from app.engine.events.events import EventName
from app.engine.models import Reason
from app.engine.service import record
from app.identity.actor import Actor
from app.leads.enums import LeadStatus
from app.leads.events import lead_event
from app.leads.models import Lead
from app.leads.pipeline.lead_state import enter_stage, mark_updated
from app.leads.pipeline.models import LOST, STARTED
from app.leads.search.lookup import lock_open_lead


class Ending(NamedTuple):
    """Stage and event of an end, and the reason written to what it cancels."""

    stage: str
    event: EventName
    reason: Reason


# Called in the same transaction when a lead is converted, lost or erased, with the lead's id, reason and time.
lead_ended: Listeners[[Session, UUID, Reason, datetime]] = Listeners("lead_ended")

CONVERTED: Final = Ending(STARTED, EventName.LEAD_CONVERTED, Reason.CONVERTED)
GIVEN_UP: Final = Ending(LOST, EventName.LEAD_LOST, Reason.LOST)


def convert(session: Session, actor: Actor, lead_id: UUID, *, patient_id: UUID | None = None) -> Lead:
    """Convert a lead to a patient: its tasks and steps end, and it becomes read-only. `patient_id` is external.

    Raises NotFound, LeadIsLocked, LeadIsClosed.
    """
    lead = lock_open_lead(session, actor, lead_id)
    return convert_locked_lead(session, actor, lead, patient_id=patient_id)


def lose(session: Session, actor: Actor, lead_id: UUID, data: JsonObject) -> Lead:
    """Close a lead as lost, for `data["reason"]`: its open tasks and steps end.

    Raises NotFound, LeadIsLocked, LeadIsClosed.
    """
    return lose_locked_lead(session, actor, lock_open_lead(session, actor, lead_id), data)


def convert_locked_lead(session: Session, actor: Actor, lead: Lead, *, patient_id: UUID | None = None) -> Lead:
    """Convert an open, locked lead."""
    at = now()
    lead.status = LeadStatus.CONVERTED
    lead.converted_at = at
    lead.converted_to_patient_id = patient_id
    _end(session, actor, lead, CONVERTED, at=at)
    return lead


def lose_locked_lead(session: Session, actor: Actor, lead: Lead, data: JsonObject) -> Lead:
    """Close an open, locked lead as lost. `data` has `reason`, and optionally `notes`."""
    at = now()
    lead.status = LeadStatus.LOST
    lead.lost_at = at
    lead.lost_reason = data["reason"]
    lead.lost_notes = data.get("notes")
    _end(session, actor, lead, GIVEN_UP, at=at)
    return lead


def _end(session: Session, actor: Actor, lead: Lead, ending: Ending, *, at: datetime) -> None:
    mark_updated(lead, actor, at)
    moved = enter_stage(session, actor, lead, ending.stage, at=at)
    lead_ended(session, lead.id, ending.reason, at)
    ended = lead_event(ending.event, lead, at, about={"reason": lead.lost_reason})
    record(session, actor.clinic, ended, moved)  # `lead_ended` has already cancelled what these events cancel

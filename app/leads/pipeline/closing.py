"""End of a lead: converted to a patient, or lost."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.clock import now
from app.core.ports import Listeners
from app.core.type_aliases import JsonObject
from app.engine.events.events import Event
from app.engine.models import Reason
from app.engine.service import record
from app.identity.actor import Actor
from app.leads.enums import LeadStatus
from app.leads.models import Lead
from app.leads.pipeline import transitions
from app.leads.pipeline.lead_state import mark_updated, save_stage_change
from app.leads.pipeline.transitions import ENDINGS
from app.leads.search.lookup import get_lead, lock_open_lead, require_open, require_unrestricted
from app.leads.timeline.entries import write_entry
from app.leads.timeline.models import ActivityType

# Called in the same transaction when a lead is converted, lost or erased, with the lead's id, reason and time.
lead_ended: Listeners[[Session, UUID, Reason, datetime]] = Listeners("lead_ended")


def convert(session: Session, actor: Actor, lead_id: UUID, *, patient_id: UUID | None = None) -> Lead:
    """Convert a lead to a patient: its tasks and steps end, and it becomes read-only. `patient_id` is external.

    A converted lead without a patient id gets it once. Raises NotFound, LeadIsLocked, LeadIsClosed, LeadIsRestricted.
    """
    lead = get_lead(session, actor, lead_id, lock=True)
    if patient_id and lead.status == LeadStatus.CONVERTED and lead.converted_to_patient_id is None:
        return _set_patient_id(session, actor, lead, patient_id)
    require_open(lead)
    return convert_locked_lead(session, actor, lead, patient_id=patient_id)


def _set_patient_id(session: Session, actor: Actor, lead: Lead, patient_id: UUID) -> Lead:
    require_unrestricted(lead)
    at = now()
    lead.converted_to_patient_id = patient_id
    mark_updated(lead, actor, at)
    write_entry(session, actor, lead, type=ActivityType.NOTE, at=at, notes=f"Patient: {patient_id}")
    return lead


def lose(session: Session, actor: Actor, lead_id: UUID, data: JsonObject) -> Lead:
    """Close a lead as lost, for `data["reason"]`: its open tasks and steps end.

    Raises NotFound, LeadIsLocked, LeadIsClosed.
    """
    return lose_locked_lead(session, actor, lock_open_lead(session, actor, lead_id), data)


def convert_locked_lead(session: Session, actor: Actor, lead: Lead, *, patient_id: UUID | None = None) -> Lead:
    """Convert an open, locked lead."""
    lead.converted_to_patient_id = patient_id
    return _end(session, actor, lead, transitions.convert(lead, actor, at=now()))


def lose_locked_lead(session: Session, actor: Actor, lead: Lead, data: JsonObject) -> Lead:
    """Close an open, locked lead as lost. `data` has `reason`, and optionally `notes`."""
    lead.lost_notes = data.get("notes")
    return _end(session, actor, lead, transitions.lose(lead, actor, data["reason"], at=now()))


def _end(session: Session, actor: Actor, lead: Lead, events: Sequence[Event]) -> Lead:
    ended, moved = events
    save_stage_change(session, actor, lead, moved)
    lead_ended(session, lead.id, ENDINGS[lead.status].reason, ended.occurred_at)
    record(session, actor.clinic, *events)  # `lead_ended` has already cancelled what these events cancel
    return lead

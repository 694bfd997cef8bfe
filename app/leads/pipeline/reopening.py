"""Reopening of lost leads. It is a separate action with a reason, because leads do not move back by stage."""

from uuid import UUID

from sqlalchemy.orm import Session

from app.clock import now
from app.core.type_aliases import JsonObject
from app.engine.service import record
from app.errors import Conflict, Invalid
from app.identity.actor import Actor
from app.leads.enums import LeadStatus
from app.leads.errors import LeadIsNotLost
from app.leads.models import Lead
from app.leads.pipeline import transitions
from app.leads.pipeline.lead_state import save_stage_change
from app.leads.pipeline.service import first_stage
from app.leads.pipeline.stages import stages_of
from app.leads.search.lookup import get_lead, require_unlocked
from app.leads.timeline.entries import write_entry
from app.leads.timeline.models import ActivityType


def reopen(session: Session, actor: Actor, lead_id: UUID, data: JsonObject) -> Lead:
    """Reopen a lost lead in `data["stage"]`, by default the clinic's first stage, for `data["reason"]`.

    Cancelled tasks and steps stay cancelled; rules on `lead.reopened` plan new ones.
    Raises NotFound, LeadIsLocked, LeadIsNotLost, Conflict, Invalid.
    """
    lead = get_lead(session, actor, lead_id, lock=True)
    require_unlocked(lead)
    if lead.status != LeadStatus.LOST:
        raise LeadIsNotLost
    stage = _stage(session, lead, data.get("stage"))
    at = now()
    moved, reopened = transitions.reopen(lead, actor, stage, at=at)
    save_stage_change(session, actor, lead, moved)
    write_entry(session, actor, lead, type=ActivityType.NOTE, at=at, notes=f"Reopened: {data['reason']}")
    record(session, actor.clinic, moved, reopened)
    return lead


def check_reopening(session: Session, actor: Actor, data: JsonObject, /, *, lead_id: UUID) -> None:
    """Check that the stage is open. Raises Invalid, and NotFound without the lead."""
    if "stage" in data:
        _stage(session, get_lead(session, actor, lead_id), data["stage"])


def _stage(session: Session, lead: Lead, wanted: str | None) -> str:
    """Return the requested stage, or the stage for new leads."""
    if wanted is None:
        first = first_stage(session, lead.clinic_id)
        if first is None:
            raise Conflict("The clinic has no stage for new leads.")
        return first
    stage = stages_of(session, lead, wanted).get(wanted)
    if stage is None or stage.is_terminal:
        raise Invalid.at("/stage", "Not an open stage of your clinic.")
    return wanted

"""Reopening of lost leads. It is a separate action with a reason, because leads do not move back by stage."""

from typing import Final
from uuid import UUID

from sqlalchemy import select
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
from app.leads.pipeline.models import LOST, PipelineStage
from app.leads.pipeline.service import first_stage
from app.leads.pipeline.stages import after_contact, announce_contact, stages_of, tells_contact
from app.leads.search.lookup import get_lead, require_unlocked
from app.leads.timeline.entries import write_entry
from app.leads.timeline.models import Activity, ActivityType

MOST_REPLACEMENTS: Final = 20  # archived stages that replaced each other


def reopen(session: Session, actor: Actor, lead_id: UUID, data: JsonObject) -> Lead:
    """Reopen a lost lead for `data["reason"]`, in `data["stage"]` or else in its stage before the loss.

    If that stage is gone, the lead goes to the stage that replaced it, or to the clinic's first stage.

    Cancelled tasks and steps stay cancelled; rules on `lead.reopened` plan new ones.
    Raises NotFound, LeadIsLocked, LeadIsNotLost, Conflict, Invalid.
    """
    lead = get_lead(session, actor, lead_id, lock=True)
    require_unlocked(lead)
    if lead.status != LeadStatus.LOST:
        raise LeadIsNotLost
    stage = _stage(session, lead, data.get("stage"))
    at, is_contact = now(), tells_contact(stages_of(session, lead, stage), stage)
    events = transitions.reopen(lead, actor, stage, at=at, is_contact=is_contact)
    save_stage_change(session, actor, lead, events[0])
    write_entry(session, actor, lead, type=ActivityType.NOTE, at=at, notes=f"Reopened: {data['reason']}")
    record(session, actor.clinic, *events)
    announce_contact(session, actor, lead, events)
    return lead


def check_reopening(session: Session, actor: Actor, data: JsonObject, /, *, lead_id: UUID) -> None:
    """Check that the stage is open. Raises Invalid, and NotFound without the lead."""
    if "stage" in data:
        _stage(session, get_lead(session, actor, lead_id), data["stage"])


def _stage(session: Session, lead: Lead, wanted: str | None) -> str:
    """Return the requested stage, else the stage before the loss, else the stage for new leads."""
    if wanted is None:
        before = _stage_before_loss(session, lead) or first_stage(session, lead.clinic_id)
        if before is None:
            raise Conflict("The clinic has no stage for new leads.")
        return after_contact(stages_of(session, lead, before), lead, before)
    stage = stages_of(session, lead, wanted).get(wanted)
    if stage is None or stage.is_terminal:
        raise Invalid.at("/stage", "Not an open stage of your clinic.")
    return wanted


def _stage_before_loss(session: Session, lead: Lead) -> str | None:
    """Return the stage that the lead left when it was lost, or the one that replaced it; None if neither is open.

    If the clinic does not keep the timeline that long, it is the last of the stages that the lead has left.
    """
    left = (
        select(Activity.previous_stage)
        .where(Activity.lead_id == lead.id, Activity.type == ActivityType.STAGE_CHANGE, Activity.new_stage == LOST)
        .order_by(Activity.occurred_at.desc(), Activity.id.desc())
        .limit(1)
    )
    former = session.scalar(left) or next(reversed(lead.past_stages), None)
    for _ in range(MOST_REPLACEMENTS):
        stage = session.scalars(
            select(PipelineStage).where(PipelineStage.clinic_id == lead.clinic_id, PipelineStage.slug == former)
        ).one_or_none()
        if stage is None or stage.is_terminal:
            return None
        if stage.archived_at is None:
            return stage.slug
        former = stage.moves_to
    return None

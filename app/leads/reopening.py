"""Taking up a lost lead again: an act of its own, with its reason, for no stage leads back."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.activities.models import ActivityType
from app.activities.timeline import write_entry
from app.automation.events import EventName
from app.automation.service import record
from app.clock import now
from app.errors import Conflict, Invalid
from app.identity.actor import Actor
from app.leads.errors import LeadIsNotLost
from app.leads.facts import lead_event
from app.leads.lookup import get_lead, require_unlocked
from app.leads.models import Lead, LeadStatus
from app.leads.progress import enter_stage, touch
from app.pipeline.models import PipelineStage


def reopen(session: Session, actor: Actor, lead_id: UUID, data: Mapping[str, Any]) -> Lead:
    """Work goes on with a lost lead, in the stage of `data` or else the clinic's first, because of `data["reason"]`.

    What was cancelled stays so; rules that listen to `lead.reopened` plan anew.
    Raises NotFound, LeadIsLocked, LeadIsNotLost, Invalid.
    """
    lead = get_lead(session, actor.clinic.id, lead_id, lock=True)
    require_unlocked(lead)
    if lead.status != LeadStatus.LOST:
        raise LeadIsNotLost
    stage = _stage(session, lead, data.get("stage"))
    at = now()
    _forget_loss(lead)
    touch(lead, actor, at)
    moved = enter_stage(session, actor, lead, stage, at=at)
    write_entry(session, actor, lead, type=ActivityType.NOTE, at=at, notes=f"Reopened: {data['reason']}")
    reopened = lead_event(EventName.LEAD_REOPENED, lead, at, about={"stage": stage})
    record(session, actor.clinic, moved, reopened)
    return lead


def _stage(session: Session, lead: Lead, wanted: str | None) -> str:
    """The one that was asked for, or the one in which leads begin."""
    stages = select(PipelineStage.slug).where(
        PipelineStage.clinic_id == lead.clinic_id, PipelineStage.is_terminal.is_(False)
    )
    if wanted is not None:
        stages = stages.where(PipelineStage.slug == wanted)
    found = session.scalar(stages.order_by(PipelineStage.is_default.desc(), PipelineStage.position).limit(1))
    if found is None and wanted is not None:
        raise Invalid.at("/stage", "Not a stage of your clinic in which a lead can be worked on.")
    if found is None:
        raise Conflict("The clinic has no stage that a lead could begin in.")
    return found


def _forget_loss(lead: Lead) -> None:
    """The timeline remembers it; the lead begins to be counted anew."""
    lead.status = LeadStatus.ACTIVE
    lead.lost_at = lead.lost_reason = lead.lost_notes = None
    lead.lost_suggested_at = lead.lost_suggested_reason = None
    lead.failed_attempts = 0

"""Move a lead back to its stage before a contact that turned out to be none."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import now
from app.engine.service import record
from app.identity.actor import Actor
from app.leads.models import Lead
from app.leads.pipeline.lead_state import seconds_by_stage, set_stage
from app.leads.pipeline.stages import stages_of
from app.leads.timeline.entries import write_entry
from app.leads.timeline.models import Activity, ActivityType, CountsAs


def stage_before(session: Session, lead: Lead, at: datetime) -> str | None:
    """Return the stage that a contact of this time moved the lead from; None if it did not, or the lead moved since."""
    moved = select(Activity.previous_stage).where(
        Activity.lead_id == lead.id,
        Activity.type == ActivityType.STAGE_CHANGE,
        Activity.counts_as == CountsAs.FOLLOWS,
        Activity.occurred_at == at,
        Activity.new_stage == lead.pipeline_stage,
    )
    before = session.scalars(moved).first() if lead.stage_entered_at == at else None
    return before if before and before in stages_of(session, lead, before) else None


def move_back(session: Session, actor: Actor, lead: Lead, stage: str) -> None:
    """Move the lead back. The stage that it leaves was none of its past ones; the stage's tasks are not made again."""
    at, left = now(), lead.pipeline_stage
    moved = set_stage(lead, stage, at=at)
    spent = seconds_by_stage(lead)
    spent.pop(left, None)
    lead.past_stages, lead.past_stage_seconds = list(spent), list(spent.values())
    stages = {"previous_stage": left, "new_stage": stage, "counts_as": CountsAs.FOLLOWS}
    write_entry(session, actor, lead, type=ActivityType.STAGE_CHANGE, at=at, **stages)
    record(session, actor.clinic, moved)

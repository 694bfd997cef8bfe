"""Stage history of a lead, computed from the stage changes on its timeline."""

from datetime import datetime
from itertools import pairwise
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.type_aliases import JsonDict
from app.identity.actor import Actor
from app.leads.search.lookup import read_lead
from app.leads.timeline.models import Activity, ActivityType

MOST_CHANGES: Final = 1000


def stage_history(session: Session, actor: Actor, lead_id: UUID) -> list[JsonDict]:
    """Return the lead's time in each stage, earliest first. `left_at` is None for the current one. Raises NotFound."""
    lead = read_lead(session, actor, lead_id)
    changes = (
        select(Activity.previous_stage, Activity.new_stage, Activity.occurred_at)
        .where(Activity.lead_id == lead_id, Activity.type == ActivityType.STAGE_CHANGE)
        .order_by(Activity.occurred_at, Activity.id)
        .limit(MOST_CHANGES)
    )
    found = session.execute(changes).all()
    first = found[0].previous_stage if found else lead.pipeline_stage
    entered = [(first, lead.created_at), *((change.new_stage, change.occurred_at) for change in found)]
    stays = [_stay(stage, since, until) for (stage, since), (_, until) in pairwise(entered)]
    return [*stays, _stay(*entered[-1], None)]


def _stay(stage: str, since: datetime, until: datetime | None) -> JsonDict:
    return {
        "stage": stage,
        "entered_at": since,
        "left_at": until,
        "seconds": int(((until or now()) - since).total_seconds()),
    }

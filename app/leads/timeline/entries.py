"""Timeline entries of one lead, written in the transaction of the change."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.core.db import new_id
from app.identity.actor import Actor
from app.leads.models import Lead
from app.leads.timeline.models import Activity, ActivityType


def write_entry(
    session: Session,
    actor: Actor,
    lead: Lead,
    *,
    type: ActivityType,  # noqa: A002
    at: datetime,
    **details: object,
) -> Activity:
    """Add a timeline entry by `actor`. `occurred_at` defaults to `at`; `details` are further columns."""
    entry = Activity(
        id=new_id(),
        clinic_id=lead.clinic_id,
        lead_id=lead.id,
        type=type,
        created_at=at,
        created_by=actor.user_id,
        **{"occurred_at": at, **details},
    )
    session.add(entry)
    return entry

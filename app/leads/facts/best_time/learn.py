"""Sweep: count the contacts by hour of each clinic anew, once a day."""

from datetime import timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.leads.facts.best_time.load import learn_contact_hours

NAME: Final = "learn_contact_hours"
EVERY: Final = timedelta(hours=20)

_NEXT: Final = text(
    "SELECT c.id FROM clinics c LEFT JOIN contact_hours h ON h.clinic_id = c.id AND h.segment_id = c.id"
    " WHERE (h.learned_at IS NULL OR h.learned_at < :before)"
    " AND EXISTS (SELECT FROM lead_activities a WHERE a.clinic_id = c.id)"
    " ORDER BY h.learned_at NULLS FIRST LIMIT 1"
)


def learn_next_clinic(session: Session) -> int:
    """Count the contacts of the clinic whose counts are the oldest. Returns 0 if all are of the last day."""
    at = clock.now()
    clinic_id = session.scalar(_NEXT, {"before": at - EVERY})
    if clinic_id is None:
        return 0
    learn_contact_hours(session, clinic_id, at=at)
    return 1

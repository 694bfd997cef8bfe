"""Leads that nobody tends: no activity for too long, or too long in one stage."""

from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from app import clock
from app.automation.events import Event, EventName
from app.automation.service import record
from app.identity.clinics import load_contexts
from app.leads.facts import lead_facts

BATCH = 500

# A flag on the lead makes each fire once, until an activity or the next stage takes the flag away.
_STALE = text(
    "WITH stale AS (SELECT l.id FROM clinics c CROSS JOIN LATERAL (SELECT id FROM leads"
    " WHERE clinic_id = c.id AND status IN ('NEW', 'ACTIVE') AND deleted_at IS NULL AND stale_since IS NULL"
    " AND last_activity_at < :now - make_interval(days => c.stale_after_days)"
    " ORDER BY last_activity_at LIMIT :batch FOR NO KEY UPDATE SKIP LOCKED) l LIMIT :batch)"
    " UPDATE leads AS l SET stale_since = :now FROM stale WHERE l.id = stale.id RETURNING l.*"
)
_OVERSTAYED = text(
    "WITH slow AS (SELECT l.id FROM pipeline_stages s CROSS JOIN LATERAL (SELECT id FROM leads"
    " WHERE clinic_id = s.clinic_id AND pipeline_stage = s.slug AND status IN ('NEW', 'ACTIVE')"
    " AND deleted_at IS NULL AND stage_overdue_since IS NULL"
    " AND stage_entered_at < :now - make_interval(days => s.max_days_in_stage)"
    " ORDER BY stage_entered_at LIMIT :batch FOR NO KEY UPDATE SKIP LOCKED) l"
    " WHERE s.max_days_in_stage IS NOT NULL LIMIT :batch)"
    " UPDATE leads AS l SET stage_overdue_since = :now FROM slow WHERE l.id = slow.id RETURNING l.*"
)


def detect_stale(session: Session) -> int:
    """Leads without activity for longer than their clinic allows."""
    return _flag(session, _STALE, EventName.LEAD_STALE, since="last_activity_at")


def detect_overstayed(session: Session) -> int:
    """Leads longer in a stage than the stage allows."""
    return _flag(session, _OVERSTAYED, EventName.LEAD_STAGE_OVERDUE, since="stage_entered_at")


def _flag(session: Session, statement: TextClause, name: EventName, *, since: str) -> int:
    now = clock.now()
    found = session.execute(statement, {"now": now, "batch": BATCH}).all()
    for clinic_id, clinic in load_contexts(session, {lead.clinic_id for lead in found}).items():
        mine = [lead for lead in found if lead.clinic_id == clinic_id]
        record(session, clinic, *(_event(lead, name, since, now) for lead in mine))
    return len(found)


def _event(lead: Any, name: EventName, since: str, now: Any) -> Event:
    key = getattr(lead, since).isoformat()
    return Event(name, lead.id, subject_id=lead.id, occurred_at=now, facts={"lead": lead_facts(lead)}, key=key)

"""Sweeps over stale leads, leads too long in a stage, and leads in archived stages."""

from datetime import datetime
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from app import clock
from app.core.db import insert_many
from app.core.type_aliases import JsonDict
from app.engine.events.events import FEW, Event, EventName
from app.engine.service import record
from app.identity.clinics import load_context, load_contexts
from app.leads.events import flag_event, lead_event
from app.leads.models import Lead
from app.leads.pipeline.rotting import rotting_date_sql
from app.leads.timeline.models import Activity, ActivityType
from app.leads.timeline.rows import activity_row
from app.security.encrypted_fields import decrypt_rows

BATCH = 500

# A flag on the lead makes each event fire once, until an activity or a stage change clears the flag.
_STALE = text(
    "WITH stale AS (SELECT l.id FROM clinics c CROSS JOIN LATERAL (SELECT id FROM leads"
    " WHERE clinic_id = c.id AND status IN ('NEW', 'ACTIVE') AND deleted_at IS NULL AND stale_since IS NULL"
    " AND rules_wait_since IS NULL"
    " AND last_activity_at < :now - make_interval(days => c.stale_after_days)"
    " ORDER BY last_activity_at LIMIT :batch FOR NO KEY UPDATE SKIP LOCKED) l LIMIT :batch)"
    " UPDATE leads AS l SET stale_since = :now FROM stale WHERE l.id = stale.id RETURNING l.*"
)
_STAGE_OVERDUE = text(
    "WITH slow AS (SELECT l.id FROM pipeline_stages s CROSS JOIN LATERAL (SELECT id FROM leads"
    " WHERE clinic_id = s.clinic_id AND pipeline_stage = s.slug AND status IN ('NEW', 'ACTIVE')"
    " AND deleted_at IS NULL AND stage_overdue_since IS NULL AND rules_wait_since IS NULL"
    " AND stage_entered_at < :now - make_interval(days => s.max_days_in_stage)"
    " ORDER BY stage_entered_at LIMIT :batch FOR NO KEY UPDATE SKIP LOCKED) l"
    " WHERE s.max_days_in_stage IS NOT NULL LIMIT :batch)"
    " UPDATE leads AS l SET stage_overdue_since = :now FROM slow WHERE l.id = slow.id RETURNING l.*"
)


def detect_stale(session: Session) -> int:
    """Flag leads without activity for longer than their clinic allows. Returns the number flagged."""
    return _flag(session, _STALE, EventName.LEAD_STALE)


def detect_stage_overdue(session: Session) -> int:
    """Flag leads longer in a stage than the stage allows. Returns the number flagged."""
    return _flag(session, _STAGE_OVERDUE, EventName.LEAD_STAGE_OVERDUE)


_ROTS_AT, _ROTTING_REASON = rotting_date_sql(
    "l", days="c.stale_after_days", most_days="goal.max_days_in_stage", entered="CAST(:now AS timestamptz)"
)
_IN_STAGE = "greatest(date_part('epoch', :now - l.stage_entered_at), 0)"
# One stage of one clinic at a time, so that all leads of a batch move to the same stage.
_IN_ARCHIVED_STAGE = text(
    "WITH stage AS (SELECT s.clinic_id, s.slug, s.moves_to FROM pipeline_stages s"  # noqa: S608  (ours)
    " WHERE s.archived_at IS NOT NULL"
    " AND EXISTS (SELECT 1 FROM leads WHERE clinic_id = s.clinic_id AND pipeline_stage = s.slug"
    " AND deleted_at IS NULL AND status IN ('NEW', 'ACTIVE')) LIMIT 1),"
    " few AS (SELECT l.id FROM stage s CROSS JOIN LATERAL (SELECT id FROM leads WHERE clinic_id = s.clinic_id"
    " AND pipeline_stage = s.slug AND deleted_at IS NULL AND status IN ('NEW', 'ACTIVE')"
    " ORDER BY id LIMIT :batch FOR NO KEY UPDATE SKIP LOCKED) l)"
    " UPDATE leads AS l SET pipeline_stage = s.moves_to, stage_entered_at = :now, stage_overdue_since = NULL,"
    " past_stages = CASE WHEN s.slug = ANY(l.past_stages) THEN l.past_stages ELSE l.past_stages || s.slug END,"
    f" past_stage_seconds = CASE WHEN s.slug = ANY(l.past_stages) THEN (SELECT array_agg(p.seconds +"
    f" CASE WHEN p.stage = s.slug THEN {_IN_STAGE} ELSE 0 END ORDER BY p.place) FROM unnest(l.past_stages,"
    " l.past_stage_seconds) WITH ORDINALITY AS p(stage, seconds, place))"
    f" ELSE l.past_stage_seconds || {_IN_STAGE} END,"
    f" rots_at = {_ROTS_AT}, rotting_reason = {_ROTTING_REASON}, updated_at = :now, version = l.version + 1"
    " FROM few, stage s JOIN clinics c ON c.id = s.clinic_id"
    " JOIN pipeline_stages goal ON goal.clinic_id = s.clinic_id AND goal.slug = s.moves_to WHERE l.id = few.id"
    " RETURNING l.*, s.slug AS previous_stage"
)


def empty_archived_stages(session: Session) -> int:
    """Move leads out of an archived stage to its successor, with history and event. Returns their number.

    Leads whose rules wait have no event, because nothing happened to them.
    """
    now = clock.now()
    moved = decrypt_rows(Lead, session.execute(_IN_ARCHIVED_STAGE, {"now": now, "batch": BATCH}))
    if not moved:
        return 0
    insert_many(session, Activity, [_stage_change(lead, now) for lead in moved])
    clinic = load_context(session, moved[0].clinic_id)
    record(
        session,
        clinic,
        *(_moved(lead, now) for lead in moved if lead.rules_wait_since is None),
        of_many=len(moved) > FEW,
    )
    return len(moved)


def _stage_change(lead: Any, at: datetime) -> JsonDict:
    stages = {"previous_stage": lead.previous_stage, "new_stage": lead.pipeline_stage}
    return activity_row(lead.clinic_id, lead.id, at=at, type=ActivityType.STAGE_CHANGE, **stages)


def _moved(lead: Any, at: datetime) -> Event:
    about = {"previous_stage": lead.previous_stage, "stage": lead.pipeline_stage}
    return lead_event(EventName.LEAD_STAGE_CHANGED, lead, at, about=about)


def _flag(session: Session, statement: TextClause, name: EventName) -> int:
    now = clock.now()
    found = decrypt_rows(Lead, session.execute(statement, {"now": now, "batch": BATCH}))
    for clinic_id, clinic in load_contexts(session, {lead.clinic_id for lead in found}).items():
        mine = [lead for lead in found if lead.clinic_id == clinic_id]
        record(session, clinic, *(flag_event(name, lead, now) for lead in mine), of_many=len(mine) > FEW)
    return len(found)

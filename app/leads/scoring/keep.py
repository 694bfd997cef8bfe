"""Stored scores: computed anew after events and by a scan; their changes are recorded and fire rules."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import AnyRow, insert_many, to_json
from app.core.live_events.changes import note_leads
from app.core.live_events.entries import LiveKind
from app.engine.events.events import FEW, Event, EventName
from app.engine.service import record
from app.identity.clinic_context import ClinicContext
from app.leads.events import lead_event, score_facts
from app.leads.models import Lead
from app.leads.scoring.basis import Basis, compute_scores
from app.leads.scoring.given import first_score_event
from app.leads.scoring.models import LeadScoreChange
from app.leads.scoring.stored import HELD, ScoreChange, adjustment_of, history_entries, store
from app.security.encrypted_fields import decrypt_rows

_LOCK: Final = text(
    f"SELECT {HELD} WHERE l.id = ANY(:ids) AND l.deleted_at IS NULL"
    " AND (l.status IN ('NEW', 'ACTIVE') OR s.lead_id IS NULL OR l.score IS NULL)"
    " ORDER BY l.id FOR NO KEY UPDATE OF l SKIP LOCKED"
)
_SET_SCORES: Final = text(
    "UPDATE leads AS l SET score = new.score FROM jsonb_to_recordset(CAST(:rows AS jsonb))"
    " AS new(id uuid, score smallint)"
    " WHERE l.id = new.id"
)


def update_scores(
    session: Session, clinic: ClinicContext, basis: Basis, lead_ids: Sequence[UUID], *, after_event: bool
) -> int:
    """Compute and store the scores of these leads. Returns how many changed.

    Locked leads are left out, and closed ones that have a score. A change fires `lead.scored`, unless only the
    clinic's table or model has changed, or the lead is older than stored scores: neither may start rules for all leads
    at once. The score of the capture fires it here, so that capture need not.
    """
    rows = session.execute(_LOCK, {"ids": list(lead_ids)}).all()
    scores = compute_scores(session, clinic, basis, {row.id: adjustment_of(row) for row in rows})
    changes = [ScoreChange(row, scores[row.id]) for row in rows if row.id in scores]
    at = now()
    store(session, clinic.id, changes, at)
    _set(session, clinic.id, [change for change in changes if change.is_new_value])
    insert_many(session, LeadScoreChange, history_entries(clinic.id, changes, at))
    _record(session, clinic, [one for one in changes if _fires(one, basis, after_event=after_event)], at)
    return sum(change.is_new_value for change in changes)


def _fires(change: ScoreChange, basis: Basis, *, after_event: bool) -> bool:
    if change.row.stored is None or change.row.score is None:
        return False
    return change.is_first or (change.is_new_value and (after_event or bool(change.row.basis == basis.name)))


def _set(session: Session, clinic_id: UUID, changes: Sequence[ScoreChange]) -> None:
    """Set the scores on the leads, without a new version."""
    if not changes:
        return
    rows = [{"id": change.row.id, "score": change.score.shown} for change in changes]
    session.execute(_SET_SCORES, {"rows": to_json(rows)})
    note_leads(session, clinic_id, LiveKind.LEAD_CHANGED, (change.row.id for change in changes))


def _record(session: Session, clinic: ClinicContext, changes: Sequence[ScoreChange], at: datetime) -> None:
    if not changes:
        return
    found = session.execute(select(Lead.__table__).where(Lead.id.in_([change.row.id for change in changes])))
    leads = {lead.id: lead for lead in decrypt_rows(Lead, found)}
    events = [event for change in changes for event in _events(change, leads[change.row.id], at)]
    record(session, clinic, *events, of_many=len(events) > FEW)


def _events(change: ScoreChange, lead: AnyRow, at: datetime) -> Iterator[Event]:
    if change.is_first:
        yield first_score_event(lead, change.row.stored, at)
    if change.is_new_value:
        facts = score_facts(change.score.shown, change.row.score)
        yield lead_event(EventName.LEAD_SCORED, lead, at, about=facts, key=f"score:{at.isoformat()}")

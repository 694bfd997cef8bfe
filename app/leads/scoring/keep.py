"""Stored scores: computed anew after events and by a scan; their changes are recorded and fire rules."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import AnyRow, insert_many, new_id, to_json
from app.core.live_events.changes import note_leads
from app.core.live_events.entries import LiveKind
from app.core.type_aliases import ColumnDict
from app.engine.events.events import FEW, EventName
from app.engine.service import record
from app.identity.clinic_context import ClinicContext
from app.leads.changes import score_facts
from app.leads.events import lead_event
from app.leads.models import OPEN_LEAD_SQL, Lead
from app.leads.scoring.basis import Basis, compute_scores
from app.leads.scoring.models import LeadScore, LeadScoreChange
from app.leads.scoring.parts import Score
from app.security.encrypted_fields import decrypt_rows

_HELD: Final = "l.id, l.score, l.created_at, s.score AS stored, s.adjustment, s.basis"
_LOCK: Final = text(
    f"SELECT {_HELD} FROM leads l LEFT JOIN lead_scores s ON s.lead_id = l.id"  # noqa: S608  (constants)
    f" WHERE l.id = ANY(:ids) AND l.{OPEN_LEAD_SQL.replace(' AND ', ' AND l.')}"
    " ORDER BY l.id FOR NO KEY UPDATE OF l SKIP LOCKED"
)
_SET_SCORES: Final = text(
    "UPDATE leads AS l SET score = new.score FROM jsonb_to_recordset(CAST(:rows AS jsonb))"
    " AS new(id uuid, score smallint)"
    " WHERE l.id = new.id"
)
_STORE: Final = (
    "ON CONFLICT (lead_id) DO UPDATE SET score = excluded.score, adjustment = excluded.adjustment,"
    " basis = excluded.basis,"
    " since = CASE WHEN lead_scores.score = excluded.score THEN lead_scores.since ELSE excluded.since END"
)


@dataclass(frozen=True, slots=True)
class _Change:
    """The stored row of a lead, and its new score."""

    row: AnyRow
    score: Score
    adjustment: int

    @property
    def is_new_value(self) -> bool:
        return bool(self.score.shown != self.row.score)

    @property
    def is_to_store(self) -> bool:
        stored = (self.row.stored, self.row.adjustment, self.row.basis)
        return stored != (self.score.shown, self.adjustment, self.score.basis)


def adjustment_of(row: Any, basis: Basis) -> int:
    """Return the points that persons and rules gave: the earlier ones, and the change since the score was stored.

    `row` has `score` (of the lead), `stored` and `adjustment` (None: never stored) and `created_at`. A score from
    before the clinic kept scores is replaced.
    """
    if row.stored is not None:
        given: int = row.adjustment + (row.stored if row.score is None else row.score) - row.stored
        return given
    is_later = basis.kept_since is not None and row.created_at >= basis.kept_since
    return (row.score or 0) if is_later else 0


def update_scores(
    session: Session, clinic: ClinicContext, basis: Basis, lead_ids: Sequence[UUID], *, after_event: bool
) -> int:
    """Compute and store the scores of these leads. Closed and locked leads are left out. Returns how many changed.

    A change fires `lead.scored`, unless only the clinic's table or model has changed, or the clinic has just begun to
    keep scores: neither may start rules for all of its leads at once.
    """
    rows = session.execute(_LOCK, {"ids": list(lead_ids)}).all()
    adjustments = {row.id: adjustment_of(row, basis) for row in rows}
    scores = compute_scores(session, clinic, basis, adjustments)
    changes = [_Change(row, scores[row.id], adjustments[row.id]) for row in rows if row.id in scores]
    at = now()
    _store(session, clinic.id, [change for change in changes if change.is_to_store], at)
    changed = [change for change in changes if change.is_new_value]
    _set(session, clinic.id, changed, at)
    _record(session, clinic, [one for one in changed if _fires(one.row, basis, after_event=after_event)], at)
    return len(changed)


def _fires(row: AnyRow, basis: Basis, *, after_event: bool) -> bool:
    if row.stored is None:
        return basis.kept_since is not None and bool(row.created_at >= basis.kept_since)
    return after_event or bool(row.basis == basis.name)


def _store(session: Session, clinic_id: UUID, changes: Sequence[_Change], at: datetime) -> None:
    rows: list[ColumnDict] = [
        {
            "lead_id": change.row.id,
            "clinic_id": clinic_id,
            "score": change.score.shown,
            "adjustment": change.adjustment,
            "basis": change.score.basis,
            "since": at,
        }
        for change in changes
    ]
    insert_many(session, LeadScore, rows, tail=_STORE)


def _set(session: Session, clinic_id: UUID, changes: Sequence[_Change], at: datetime) -> None:
    """Set the scores on the leads, without a new version, and add the changes to the history."""
    if not changes:
        return
    rows = [{"id": change.row.id, "score": change.score.shown} for change in changes]
    session.execute(_SET_SCORES, {"rows": to_json(rows)})
    insert_many(session, LeadScoreChange, [_entry(clinic_id, change, at) for change in changes])
    note_leads(session, clinic_id, LiveKind.LEAD_CHANGED, (change.row.id for change in changes))


def _entry(clinic_id: UUID, change: _Change, at: datetime) -> ColumnDict:
    return {
        "id": new_id(),
        "clinic_id": clinic_id,
        "lead_id": change.row.id,
        "occurred_at": at,
        "score": change.score.shown,
        "previous_score": change.row.score,
        "model": change.score.model,
        "parts": [asdict(part) for part in change.score.parts],
    }


def _record(session: Session, clinic: ClinicContext, changes: Sequence[_Change], at: datetime) -> None:
    if not changes:
        return
    before: Mapping[UUID, int | None] = {change.row.id: change.row.score for change in changes}
    found = session.execute(select(Lead.__table__).where(Lead.id.in_(before)))
    leads = decrypt_rows(Lead, found)
    key = f"score:{at.isoformat()}"
    events = [
        lead_event(EventName.LEAD_SCORED, lead, at, about=score_facts(lead.score, before[lead.id]), key=key)
        for lead in leads
    ]
    record(session, clinic, *events, of_many=len(events) > FEW)

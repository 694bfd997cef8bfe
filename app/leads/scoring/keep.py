"""Stored scores: computed anew after events and by a scan; their changes are recorded and fire rules."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
from app.engine.events.events import FEW, Event, EventName
from app.engine.service import record
from app.identity.clinic_context import ClinicContext
from app.leads.changes import score_facts
from app.leads.events import lead_event
from app.leads.models import Lead
from app.leads.scoring.basis import Basis, compute_scores
from app.leads.scoring.first_score import AT_CAPTURE
from app.leads.scoring.models import LeadScore, LeadScoreChange
from app.leads.scoring.parts import Score, adjustment_to, computed_parts
from app.security.encrypted_fields import decrypt_rows

_HELD: Final = "l.id, l.score, s.score AS stored, s.adjustment, s.basis, s.parts"
_LOCK: Final = text(
    f"SELECT {_HELD} FROM leads l LEFT JOIN lead_scores s ON s.lead_id = l.id"  # noqa: S608  (constants)
    " WHERE l.id = ANY(:ids) AND l.deleted_at IS NULL AND (l.status IN ('NEW', 'ACTIVE') OR s.lead_id IS NULL)"
    " ORDER BY l.id FOR NO KEY UPDATE OF l SKIP LOCKED"
)
_SET_SCORES: Final = text(
    "UPDATE leads AS l SET score = new.score FROM jsonb_to_recordset(CAST(:rows AS jsonb))"
    " AS new(id uuid, score smallint)"
    " WHERE l.id = new.id"
)
_STORE: Final = (
    "ON CONFLICT (lead_id) DO UPDATE SET score = excluded.score, adjustment = excluded.adjustment,"
    " basis = excluded.basis, parts = excluded.parts,"
    " since = CASE WHEN lead_scores.score = excluded.score THEN lead_scores.since ELSE excluded.since END"
)


@dataclass(frozen=True, slots=True)
class _Change:
    """The stored row of a lead, and its new score."""

    row: AnyRow
    score: Score

    @property
    def is_new_value(self) -> bool:
        """Whether the lead has another score until now."""
        return bool(self.score.shown != self.row.score)

    @property
    def is_first(self) -> bool:
        """Whether the lead has only the score of its capture until now."""
        return bool(self.row.basis == AT_CAPTURE)

    @property
    def is_for_history(self) -> bool:
        """Whether the history misses this value. Also a person or a rule may have changed the score."""
        return self.is_first or bool(self.score.shown != self.row.stored)

    @property
    def previous(self) -> int | None:
        """The value before, in the history."""
        if self.is_first:
            return None
        found: int | None = self.row.score if self.row.stored is None else self.row.stored
        return found

    @property
    def is_to_store(self) -> bool:
        stored = (self.row.stored, self.row.adjustment, self.row.basis, self.row.parts)
        return stored != (self.score.shown, self.score.adjustment, self.score.basis, self.score.stored_parts())


def adjustment_of(row: Any) -> int:
    """Return the points that persons and rules gave.

    `row` has `score` (of the lead), `stored`, `adjustment` and `parts` (None: never stored). If the lead's score was
    changed since it was stored, it stays what it was changed to. A lead without a stored score is older than stored
    scores: its score are points that persons and rules gave.
    """
    if row.stored is None:
        return row.score or 0
    if row.score is None or row.score == row.stored:
        return int(row.adjustment)
    if row.parts is None:
        return int(row.adjustment + row.score - row.stored)
    return adjustment_to(row.score, computed_parts(row.parts))


def update_scores(
    session: Session, clinic: ClinicContext, basis: Basis, lead_ids: Sequence[UUID], *, after_event: bool
) -> int:
    """Compute and store the scores of these leads. Returns how many changed.

    Locked leads are left out, and closed ones that have a stored score. A change fires `lead.scored`, unless only the
    clinic's table or model has changed, or the lead is older than stored scores: neither may start rules for all leads
    at once. The score of the capture fires it here, so that capture need not.
    """
    rows = session.execute(_LOCK, {"ids": list(lead_ids)}).all()
    scores = compute_scores(session, clinic, basis, {row.id: adjustment_of(row) for row in rows})
    changes = [_Change(row, scores[row.id]) for row in rows if row.id in scores]
    at = now()
    _store(session, clinic.id, [change for change in changes if change.is_to_store], at)
    _set(session, clinic.id, [change for change in changes if change.is_new_value])
    insert_many(
        session, LeadScoreChange, [_entry(clinic.id, change, at) for change in changes if change.is_for_history]
    )
    _record(session, clinic, [one for one in changes if _fires(one, basis, after_event=after_event)], at)
    return sum(change.is_new_value for change in changes)


def _fires(change: _Change, basis: Basis, *, after_event: bool) -> bool:
    if change.row.stored is None:
        return False
    return change.is_first or (change.is_new_value and (after_event or bool(change.row.basis == basis.name)))


def _store(session: Session, clinic_id: UUID, changes: Sequence[_Change], at: datetime) -> None:
    rows: list[ColumnDict] = [
        {
            "lead_id": change.row.id,
            "clinic_id": clinic_id,
            "score": change.score.shown,
            "adjustment": change.score.adjustment,
            "basis": change.score.basis,
            "since": at,
            "parts": change.score.stored_parts(),
        }
        for change in changes
    ]
    insert_many(session, LeadScore, rows, tail=_STORE)


def _set(session: Session, clinic_id: UUID, changes: Sequence[_Change]) -> None:
    """Set the scores on the leads, without a new version."""
    if not changes:
        return
    rows = [{"id": change.row.id, "score": change.score.shown} for change in changes]
    session.execute(_SET_SCORES, {"rows": to_json(rows)})
    note_leads(session, clinic_id, LiveKind.LEAD_CHANGED, (change.row.id for change in changes))


def _entry(clinic_id: UUID, change: _Change, at: datetime) -> ColumnDict:
    return {
        "id": new_id(),
        "clinic_id": clinic_id,
        "lead_id": change.row.id,
        "occurred_at": at,
        "score": change.score.shown,
        "previous_score": change.previous,
        "model": change.score.model,
        "parts": change.score.stored_parts(),
    }


def _record(session: Session, clinic: ClinicContext, changes: Sequence[_Change], at: datetime) -> None:
    if not changes:
        return
    found = session.execute(select(Lead.__table__).where(Lead.id.in_([change.row.id for change in changes])))
    leads = {lead.id: lead for lead in decrypt_rows(Lead, found)}
    events = [event for change in changes for event in _events(change, leads[change.row.id], at)]
    record(session, clinic, *events, of_many=len(events) > FEW)


def _events(change: _Change, lead: AnyRow, at: datetime) -> Iterator[Event]:
    if change.is_first:
        facts = score_facts(change.row.stored, None)
        yield lead_event(EventName.LEAD_SCORED, lead, at, about=facts, key=f"score:{AT_CAPTURE}")
    if change.is_new_value:
        facts = score_facts(change.score.shown, change.row.score)
        yield lead_event(EventName.LEAD_SCORED, lead, at, about=facts, key=f"score:{at.isoformat()}")

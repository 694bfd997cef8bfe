"""Stored scores and their history: what is stored of a lead, and what a new score changes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.core.db import AnyRow, insert_many, new_id
from app.core.type_aliases import ColumnDict
from app.leads.scoring.basis import model_of
from app.leads.scoring.first_score import AT_CAPTURE, score_row
from app.leads.scoring.models import LeadScore
from app.leads.scoring.parts import Score, adjustment_to, computed_parts

# Columns of a row of `ScoreChange`, and their tables.
HELD: Final = (
    "l.id, l.score, s.score AS stored, s.adjustment, s.basis, s.parts"
    " FROM leads l LEFT JOIN lead_scores s ON s.lead_id = l.id"
)
_STORE: Final = (
    "ON CONFLICT (lead_id) DO UPDATE SET score = excluded.score, adjustment = excluded.adjustment,"
    " basis = excluded.basis, parts = excluded.parts,"
    " since = CASE WHEN lead_scores.score = excluded.score THEN lead_scores.since ELSE excluded.since END"
)


@dataclass(frozen=True, slots=True)
class ScoreChange:
    """The stored row of a lead (`HELD`), and its new score."""

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
    def is_to_store(self) -> bool:
        stored = (self.row.stored, self.row.adjustment, self.row.basis)
        is_other = stored != (self.score.shown, self.score.adjustment, self.score.basis)
        return is_other or bool(self.row.parts != self.score.stored_parts())


def adjustment_of(row: Any) -> int:
    """Return the points that persons and rules gave.

    `row` has `score` (of the lead), `stored`, `adjustment` and `parts` (None: never stored). A process of an earlier
    release may have changed the lead's score since it was stored: it stays what it was changed to, and none takes the
    points back. A lead without a stored score is older than stored scores: its score are points that persons and rules
    gave.
    """
    if row.stored is None or row.score is None:
        return row.score or 0
    if row.score == row.stored:
        return int(row.adjustment)
    if row.parts is None:
        return int(row.adjustment + row.score - row.stored)
    return adjustment_to(row.score, computed_parts(row.parts))


def store(session: Session, clinic_id: UUID, changes: Sequence[ScoreChange], at: datetime) -> None:
    """Store the scores with their parts."""
    rows = [score_row(one.row.id, clinic_id, one.score, at=at) for one in changes if one.is_to_store]
    insert_many(session, LeadScore, rows, tail=_STORE)


def history_entries(clinic_id: UUID, changes: Sequence[ScoreChange], at: datetime) -> list[ColumnDict]:
    """Return the rows of the history: of each new value, and before it of the score of the capture."""
    return [
        {"id": new_id(), "clinic_id": clinic_id, "lead_id": change.row.id, "occurred_at": at, **entry}
        for change in changes
        for entry in _entries(change)
    ]


def _entries(change: ScoreChange) -> Iterator[ColumnDict]:
    row, score = change.row, change.score
    if change.is_first:
        yield {"score": row.stored, "previous_score": None, "model": model_of(row.basis), "parts": row.parts}
    if score.shown != row.stored:
        previous = row.score if row.stored is None else row.stored
        yield {
            "score": score.shown,
            "previous_score": previous,
            "model": score.model,
            "parts": score.stored_parts(),
        }

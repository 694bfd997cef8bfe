"""Scores that persons and rules give. Each is the lead's score at that moment; later events move it from there."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import fsum
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import AnyRow, insert_many
from app.core.type_aliases import JsonObject
from app.engine.events.events import Event, EventName
from app.identity.clinic_context import ClinicContext
from app.leads.events import LeadColumns, lead_event, score_facts
from app.leads.fields import HIGHEST_SCORE
from app.leads.models import Lead
from app.leads.scoring.basis import Basis, compute_scores, load_basis, model_of
from app.leads.scoring.first_score import AT_CAPTURE
from app.leads.scoring.models import LeadScoreChange
from app.leads.scoring.parts import Part, Score, adjustment_to, computed_parts, score_of
from app.leads.scoring.stored import HELD, ScoreChange, adjustment_of, history_entries, store

SCORE: Final = "score"
ADD_SCORE: Final = "add_score"
GIVEN_SCORE: Final = (SCORE, ADD_SCORE)
_HELD: Final = text(f"SELECT {HELD} WHERE l.id = ANY(:ids)")


@dataclass(frozen=True, slots=True)
class Given:
    """A score from a person or a rule (None: the computed one), unless `is_set` is false, and points to add."""

    score: int | None
    points: int
    is_set: bool

    def adjustment(self, before: int, parts: list[Part]) -> int:
        """Return the adjustment of a lead with these computed parts. Added points end at the limits of a score."""
        if self.is_set:
            return 0 if self.score is None else adjustment_to(_limited(self.score + self.points), parts)
        room = -before - round(fsum(part.points for part in parts))
        if self.points > 0:
            return before + min(self.points, max(room + HIGHEST_SCORE, 0))
        return before + max(self.points, min(room, 0))


def _limited(score: int) -> int:
    return min(max(score, 0), HIGHEST_SCORE)


def given_score(values: JsonObject) -> Given | None:
    """Return what `score` and `add_score` give; None without both."""
    if not values.keys() & {*GIVEN_SCORE}:
        return None
    return Given(values.get(SCORE), values.get(ADD_SCORE, 0), is_set=SCORE in values)


def rescored(score: Score, given: Given, before: int) -> Score:
    """Return the score with what is given. `before`: the adjustment until now."""
    parts = score.computed
    return score_of(parts, adjustment=given.adjustment(before, parts), model=score.model, basis=score.basis)


def give_scores(session: Session, clinic: ClinicContext, given: Mapping[Lead, Given]) -> dict[UUID, int]:
    """Set the scores of these locked leads, with their history. Their other fields may have changed just now.

    A score that is set is compared with what the lead has now. Points are added to the stored score, so that what
    happened since then still counts. Returns the first scores of the leads that had no other: the caller records their
    `lead.scored` now, because the sweep finds another score.
    """
    session.flush()
    leads = {lead.id: lead for lead in given}
    rows = session.execute(_HELD, {"ids": [*leads]}).all()
    basis = load_basis(session, clinic.id)
    known = {row.id: _stored(row, basis) for row in rows if row.parts is not None and not given[leads[row.id]].is_set}
    if others := dict.fromkeys(leads.keys() - known, 0):
        known |= compute_scores(session, clinic, basis, others)
    changes = [ScoreChange(row, rescored(known[row.id], given[leads[row.id]], adjustment_of(row))) for row in rows]
    at = now()
    store(session, clinic.id, changes, at)
    insert_many(session, LeadScoreChange, history_entries(clinic.id, changes, at))
    for change in changes:
        leads[change.row.id].score = change.score.shown
    return {change.row.id: change.row.stored for change in changes if change.is_first}


def _stored(row: AnyRow, basis: Basis) -> Score:
    name = basis.table_name if row.basis == AT_CAPTURE else row.basis
    return score_of(computed_parts(row.parts), adjustment=0, model=model_of(name), basis=name)


def first_score_event(lead: LeadColumns, score: int, at: datetime) -> Event:
    """Return `lead.scored` of the score that the lead has from its capture."""
    return lead_event(EventName.LEAD_SCORED, lead, at, about=score_facts(score, None), key=f"score:{AT_CAPTURE}")

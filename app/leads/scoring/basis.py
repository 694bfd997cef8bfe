"""The basis of a clinic's scores: its table of weights, or the weights learned from its closed leads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.type_aliases import JsonObject
from app.identity.clinic_context import ClinicContext
from app.leads.facts.condition_facts import load_facts
from app.leads.scoring.features import load_bins
from app.leads.scoring.learned import weigh_learned
from app.leads.scoring.models import LearnedModel, ScoreModel, ScoreTableRow
from app.leads.scoring.parts import Score, score_of
from app.leads.scoring.weights import BASE, DEFAULT_WEIGHTS, Weight, facts_asked, weigh

FIRST_VERSION: Final = 1
_LEARNED: Final = f"{ScoreModel.LEARNED}:"


@dataclass(frozen=True, slots=True)
class Basis:
    """The score settings of a clinic, and its learned weights if they are in use."""

    base: int = BASE
    weights: Sequence[Weight] = DEFAULT_WEIGHTS
    version: int = FIRST_VERSION
    model: ScoreModel = ScoreModel.RULES  # the clinic's choice
    learned: JsonObject | None = None
    learned_id: UUID | None = None

    @property
    def used(self) -> ScoreModel:
        """The model in use: the table, while nothing was learned."""
        return self.model if self.learned else ScoreModel.RULES

    @property
    def name(self) -> str:
        """The model in use with its version. Scores of different names do not compare."""
        return f"{_LEARNED}{self.learned_id}" if self.learned else self.table_name

    @property
    def table_name(self) -> str:
        """The name of the clinic's table with its version."""
        return f"rules:{self.version}"


def model_of(name: str) -> ScoreModel:
    """Return the model of the basis with this name."""
    return ScoreModel.LEARNED if name.startswith(_LEARNED) else ScoreModel.RULES


def load_basis(session: Session, clinic_id: UUID) -> Basis:
    """Return the basis of the clinic's scores: its table, with the learned weights if it uses them."""
    basis = load_table(session, clinic_id)
    learned = _learned(session, clinic_id) if basis.model is ScoreModel.LEARNED else None
    return replace(basis, learned=learned.weights, learned_id=learned.id) if learned else basis


def load_table(session: Session, clinic_id: UUID) -> Basis:
    """Return the clinic's table of weights, without learned ones."""
    row = session.scalars(select(ScoreTableRow).where(ScoreTableRow.clinic_id == clinic_id)).one_or_none()
    if row is None:
        return Basis()
    weights = [Weight.from_json(weight) for weight in row.weights]
    return Basis(base=row.base, weights=weights, version=row.version, model=ScoreModel(row.model))


def _learned(session: Session, clinic_id: UUID) -> LearnedModel | None:
    wanted = select(LearnedModel).where(LearnedModel.clinic_id == clinic_id, LearnedModel.weights.is_not(None))
    return session.scalars(wanted).one_or_none()


def compute_scores(
    session: Session, clinic: ClinicContext, basis: Basis, adjustments: Mapping[UUID, int]
) -> dict[UUID, Score]:
    """Return the scores of these leads now. `adjustments`: points given by persons and rules, by lead id."""
    at, ids = now(), list(adjustments)
    if basis.learned:
        parts = {
            lead_id: weigh_learned(basis.learned, bins) for lead_id, bins in load_bins(session, ids, at=at).items()
        }
    else:
        local = {"at": clinic.calendar.local(at)}
        known = load_facts(session, ids, facts_asked(basis.weights))
        parts = {
            lead_id: weigh(basis.base, basis.weights, {"lead": facts, "now": local}) for lead_id, facts in known.items()
        }
    return {
        lead_id: score_of(of_lead, adjustment=adjustments[lead_id], model=basis.used, basis=basis.name)
        for lead_id, of_lead in parts.items()
    }

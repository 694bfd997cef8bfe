"""Daily training of the learned scores of a clinic.

Young leads are left out: their losses are known before their conversions. The latest quarter of the closed leads is
held out: the model is fitted to the others, and measured on these, as known `TESTED_AGE` days after their creation. The
weights that are used are then fitted to all of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.analytics.training.logistic import Fit, fit
from app.analytics.training.quality import area_under_curve, calibration_error
from app.clock import now
from app.core.db import new_id
from app.core.type_aliases import ColumnDict, JsonDict
from app.identity.models import Clinic
from app.leads.attribution.models import LeadSource
from app.leads.scoring.features import WORDS, Observation, load_observations
from app.leads.scoring.learned import probability
from app.leads.scoring.models import LearnedModel
from app.leads.scoring.service import LEAST_CLOSED, LEAST_CONVERTED

HELD_OUT: Final = 0.25
MATURE: Final = 0.95  # share of the conversions that happen before a lead is mature
TESTED_AGE: Final = 7  # days; one of `AGES`
LEAST_OF_A_SOURCE: Final = 20  # closed leads; smaller sources count together
OTHER: Final = "other"
EVERY: Final = timedelta(days=1)


def train_next_clinic(session: Session) -> int:
    """Train a clinic without training of the last day. Returns 1, or 0 if none is due.

    Which one is left to chance, so that a clinic whose training fails does not keep the others from theirs.
    """
    due = (
        select(Clinic.id)
        .outerjoin(LearnedModel, LearnedModel.clinic_id == Clinic.id)
        .where(func.coalesce(LearnedModel.trained_at <= now() - EVERY, True))
        .order_by(func.random())
        .limit(1)
    )
    clinic_id = session.scalar(due)
    if clinic_id is None:
        return 0
    train(session, clinic_id)
    return 1


def train(session: Session, clinic_id: UUID) -> None:
    """Train a clinic's model and store it with its quality; without enough history, store only the counts."""
    observations = _of_mature_leads(load_observations(session, clinic_id), at=now())
    outcomes = {one.lead_id: one.is_converted for one in observations}
    closed, converted = len(outcomes), sum(outcomes.values())
    row: ColumnDict = {"closed_leads": closed, "conversions": converted, "tested_leads": 0, "weights": None}
    row |= {"auc": None, "calibration_error": None}
    if closed >= LEAST_CLOSED and LEAST_CONVERTED <= converted < closed:
        row |= _learn(_with_large_sources(observations), _sources(session, clinic_id))
    _save(session, clinic_id, row)


def _of_mature_leads(observations: Sequence[Observation], *, at: datetime) -> list[Observation]:
    """Leave out leads that are younger than most conversions take. Of those, mostly the lost ones are closed."""
    took = sorted({one.lead_id: one.took for one in observations if one.is_converted}.values())
    oldest = took[int(len(took) * MATURE)] if took else timedelta()
    return [one for one in observations if one.created_at <= at - oldest]


def _learn(observations: Sequence[Observation], sources: Mapping[str, str]) -> JsonDict:
    """Return the weights fitted to all observations, and the quality of those fitted to the earlier ones."""
    splits_at = _split(observations)
    earlier = [one for one in observations if one.created_at < splits_at]
    tested = [one for one in observations if one.created_at >= splits_at and one.age == TESTED_AGE]
    quality: JsonDict = {}
    if tested and len({one.is_converted for one in earlier}) > 1:
        judged = _table(_fit(earlier), sources)
        predictions = [(probability(judged, one.bins), one.is_converted) for one in tested]
        quality = {"tested_leads": len(tested), "auc": area_under_curve(predictions)}
        quality["calibration_error"] = calibration_error(predictions)
    return {**quality, "weights": _table(_fit(observations), sources)}


def _fit(observations: Iterable[Observation]) -> Fit:
    return fit((one.bins, one.is_converted) for one in observations)


def _split(observations: Sequence[Observation]) -> datetime:
    """Return the creation time that separates the latest leads from the earlier ones."""
    times = sorted({one.lead_id: one.created_at for one in observations}.values())
    return times[int(len(times) * (1 - HELD_OUT))]


def _with_large_sources(observations: Sequence[Observation]) -> list[Observation]:
    """Replace small sources by one bin, because their weights would be chance."""
    leads: dict[str, set[UUID]] = {}
    for one in observations:
        leads.setdefault(one.bins["source"], set()).add(one.lead_id)
    large = {source for source, of_source in leads.items() if len(of_source) >= LEAST_OF_A_SOURCE}
    return [
        one if one.bins["source"] in large else replace(one, bins={**one.bins, "source": OTHER}) for one in observations
    ]


def _table(found: Fit, sources: Mapping[str, str]) -> JsonDict:
    """Return the weights as they are stored, with words."""
    features: dict[str, JsonDict] = {}
    for (name, value), weight in found.weights.items():
        features.setdefault(name, {})[value] = {"weight": weight, "words": _words(name, value, sources)}
    return {"intercept": found.intercept, "features": features}


def _words(name: str, value: str, sources: Mapping[str, str]) -> str:
    if name == "source":
        return f"Source: {sources.get(value, 'another one')}"
    if name == "channel":
        return f"Captured by: {value.replace('_', ' ').lower()}"
    return WORDS[name][value]


def _sources(session: Session, clinic_id: UUID) -> dict[str, str]:
    found = session.execute(select(LeadSource.id, LeadSource.name).where(LeadSource.clinic_id == clinic_id))
    return {str(row.id): row.name for row in found}


def _save(session: Session, clinic_id: UUID, row: ColumnDict) -> None:
    values = {**row, "id": new_id(), "trained_at": now()}
    statement = insert(LearnedModel).values(clinic_id=clinic_id, **values)
    session.execute(statement.on_conflict_do_update(index_elements=["clinic_id"], set_=values))

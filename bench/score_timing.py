"""Time the scoring of leads in a process that has Relance's settings."""

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.db import new_id, transaction
from app.identity.clinic_context import ClinicContext
from app.identity.clinics import load_context
from app.leads.models import Lead
from app.leads.scoring.basis import Basis, compute_scores
from app.leads.scoring.features import WORDS
from app.leads.scoring.models import ScoreModel

BATCH = 2000
SINGLE = 200  # leads that are scored one by one
MILLISECONDS = 1000
# Weights like those of a training: one for each bin.
LEARNED = {
    "intercept": -1.0,
    "features": {
        name: {value: {"weight": 0.1, "words": words} for value, words in of_feature.items()}
        for name, of_feature in WORDS.items()
    },
}


def time_scores(params: Mapping[str, Any]) -> dict[str, float]:
    """Return the seconds to score `all` leads of the clinic, and the milliseconds to score `one`.

    `cpu`: the seconds that this process computed for all of them.
    """
    is_learned = params["learned"]
    basis = Basis(model=ScoreModel.LEARNED, learned=LEARNED, learned_id=new_id()) if is_learned else Basis()
    with transaction() as session:
        clinic = load_context(session, UUID(params["clinic_id"]))
        ids = list(session.scalars(select(Lead.id).where(Lead.clinic_id == clinic.id).order_by(Lead.id)))
        score = _scorer(session, clinic, basis)
        score(ids[:BATCH])
        began, cpu = time.perf_counter(), time.process_time()
        for first in range(0, len(ids), BATCH):
            score(ids[first : first + BATCH])
        spent, cpu = time.perf_counter() - began, time.process_time() - cpu
        singles = [_seconds(score, [lead_id]) for lead_id in ids[:SINGLE]]
    return {"all": spent, "cpu": cpu, "one": median(singles) * MILLISECONDS}


def _scorer(session: Session, clinic: ClinicContext, basis: Basis) -> Callable[[Sequence[UUID]], object]:
    return lambda ids: compute_scores(session, clinic, basis, dict.fromkeys(ids, 0))


def _seconds(score: Callable[[Sequence[UUID]], object], ids: Sequence[UUID]) -> float:
    began = time.perf_counter()
    score(ids)
    return time.perf_counter() - began

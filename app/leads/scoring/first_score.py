"""The score of a new lead, which capture stores with it. It reads nothing: what it needs is cached for each clinic.

A clinic with a learned model begins with the score of its table, until the sweep applies the model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.type_aliases import ColumnDict, JsonDict, JsonObject
from app.engine.version_cache import cache_per_version
from app.identity.clinic_context import ClinicContext
from app.leads.attribution.models import LeadSource
from app.leads.facts.condition_facts import RENAMED, computed_facts, plain_facts
from app.leads.fields import CUSTOM_PREFIX
from app.leads.pipeline.service import first_stage
from app.leads.scoring.basis import Basis, load_table
from app.leads.scoring.models import ScoreModel
from app.leads.scoring.parts import Score, adjustment_to, score_of
from app.leads.scoring.weights import facts_asked, weigh

AT_CAPTURE: Final = "capture"  # the basis of first scores; the sweep replaces it and fires `lead.scored`


@dataclass(frozen=True, slots=True)
class FirstScores:
    """The settings of a clinic that give its leads their first scores. `sources`: facts of each source, by its id."""

    basis: Basis
    facts: frozenset[str]  # names of those that the weights test
    stage: str | None
    sources: Mapping[UUID, JsonObject]


@cache_per_version
def load_first_scores(session: Session, clinic: ClinicContext) -> FirstScores:
    """Load the clinic's table of weights, its first stage and its sources."""
    wanted = select(LeadSource.id, LeadSource.name, LeadSource.category).where(LeadSource.clinic_id == clinic.id)
    sources = {row.id: {"source": row.name, "source_category": row.category} for row in session.execute(wanted)}
    table = load_table(session, clinic.id)
    return FirstScores(table, facts_asked(table.weights), first_stage(session, clinic.id), sources)


def first_score(session: Session, clinic: ClinicContext, lead: JsonObject, *, at: datetime) -> Score:
    """Return the score of a new lead with these columns. A given `score` stays: the adjustment makes up for it."""
    known = load_first_scores(session, clinic)
    facts = {"lead": _facts(lead, known), "now": {"at": clinic.calendar.local(at)}}
    parts = [*weigh(known.basis.base, known.basis.weights, facts)]
    given = lead.get("score")
    adjustment = 0 if given is None else adjustment_to(given, parts)
    return score_of(parts, adjustment=adjustment, model=ScoreModel.RULES, basis=AT_CAPTURE)


def score_row(lead_id: UUID, clinic_id: UUID, score: Score, *, at: datetime) -> ColumnDict:
    """Return the row of `lead_scores`."""
    return {
        "lead_id": lead_id,
        "clinic_id": clinic_id,
        "score": score.shown,
        "adjustment": score.adjustment,
        "basis": score.basis,
        "since": at,
        "parts": score.stored_parts(),
    }


def _facts(lead: JsonObject, known: FirstScores) -> JsonDict:
    """Return the facts of a new lead: as `load_facts` finds them later. A condition reads a missing one as None.

    An import may give it a stage, and a contact at its creation.
    """
    return {
        **plain_facts({name: lead[name] for name in known.facts if name in lead}),
        **known.sources.get(lead["source_id"], {}),
        **{f"{CUSTOM_PREFIX}{key}": own for key, own in (lead.get("custom") or {}).items()},
        **computed_facts(lead),
        "pipeline_stage": lead.get("pipeline_stage", known.stage),
        **plain_facts({fact: lead.get(name) for fact, name in RENAMED.items()}),
    }

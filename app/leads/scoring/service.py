"""Scores for users: the score of a lead with its parts, its history, and the settings of a clinic."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.audit.models import Act
from app.clock import now
from app.core.optimistic_locking import SeenVersions, require_version
from app.core.pagination import Key, Page, page
from app.core.type_aliases import JsonDict, JsonObject
from app.errors import Invalid, NotFound
from app.identity.actor import Actor
from app.identity.clinics import bump_rules_version
from app.leads.enums import LeadStatus
from app.leads.models import Lead
from app.leads.scoring.basis import Basis, compute_scores, load_basis, model_of
from app.leads.scoring.models import LeadScore, LeadScoreChange, LearnedModel, ScoreModel, ScoreTableRow
from app.leads.scoring.parts import Score, computed_parts, score_of
from app.leads.scoring.stored import adjustment_of
from app.leads.scoring.weights import BASE, DEFAULT_WEIGHTS, Weight
from app.leads.search.lookup import get_lead, lead_reader, read_lead

LEAST_CLOSED: Final = 200  # closed leads, for a learned model
LEAST_CONVERTED: Final = 30
_NEWEST: Final[list[Key]] = [(LeadScoreChange.id, "desc")]


@dataclass(frozen=True, slots=True)
class Quality:
    """How well the learned model predicts, measured on the latest closed leads, which were held out."""

    is_ready: bool
    words: str
    closed_leads: int
    conversions: int
    tested_leads: int = 0
    auc: float | None = None
    calibration_error: float | None = None
    trained_at: datetime | None = None


def score_lead(session: Session, actor: Actor, lead_id: UUID) -> JsonDict:
    """Return the lead's score with its parts, since when, and how good the model is. Raises NotFound."""
    lead = read_lead(session, actor, lead_id)
    stored = session.scalars(select(LeadScore).where(LeadScore.lead_id == lead_id)).one_or_none()
    score = _score_of(session, actor, lead, stored)
    is_same = stored is not None and stored.score == score.shown
    return {
        **_shown(score),
        "since": stored.since if stored and is_same else now(),
        "quality": quality(session, actor.clinic.id),
    }


def _score_of(session: Session, actor: Actor, lead: Any, stored: LeadScore | None) -> Score:
    """Return the stored score, with what a person or a rule changed since. Without stored parts: compute it."""
    kept = {name: stored and getattr(stored, name) for name in ("adjustment", "parts")}
    adjustment = adjustment_of(SimpleNamespace(score=lead.score, stored=stored and stored.score, **kept))
    if stored is None or stored.parts is None:
        basis = load_basis(session, actor.clinic.id)
        return compute_scores(session, actor.clinic, basis, {lead.id: adjustment})[lead.id]
    parts, model = computed_parts(stored.parts), model_of(stored.basis)
    return score_of(parts, adjustment=adjustment, model=model, basis=stored.basis)


def _shown(score: Score) -> JsonDict:
    return {"score": score.shown, "value": score.value, "parts": score.stored_parts(), "model": score.model}


def preview_score(session: Session, actor: Actor, data: JsonObject) -> JsonDict:
    """Return the score that a table would give the lead `data["lead_id"]`, without saving it.

    Raises Forbidden, Invalid, LeadWasMerged.
    """
    lead = _previewed(session, actor, data)
    basis = Basis(base=data["base"], weights=[Weight.from_json(weight) for weight in data["weights"]])
    return _shown(compute_scores(session, actor.clinic, basis, {lead.id: 0})[lead.id])


def check_preview(session: Session, actor: Actor, data: JsonObject) -> None:
    """Check that the caller sees the lead. Raises Forbidden, Invalid, LeadWasMerged."""
    _previewed(session, actor, data)


def _previewed(session: Session, actor: Actor, data: JsonObject) -> Lead:
    try:
        return get_lead(session, lead_reader(actor), data["lead_id"])
    except NotFound:
        raise Invalid.at("/lead_id", "Not a lead of your clinic.") from None


def score_history(session: Session, actor: Actor, lead_id: UUID, query: JsonObject) -> Page:
    """Return the changes of the lead's stored score, newest first. Raises NotFound."""
    read_lead(session, actor, lead_id)
    of_lead = select(LeadScoreChange.__table__).where(LeadScoreChange.lead_id == lead_id)
    return page(session, of_lead.where(LeadScoreChange.clinic_id == actor.clinic.id), _NEWEST, query)


def quality(session: Session, clinic_id: UUID) -> Quality:
    """Return how good the learned model of the clinic is, or how much history is missing."""
    row = session.scalars(select(LearnedModel).where(LearnedModel.clinic_id == clinic_id)).one_or_none()
    closed, converted = (row.closed_leads, row.conversions) if row else _closed_leads(session, clinic_id)
    if row is None or row.weights is None:
        return Quality(False, missing_history(closed, converted), closed, converted)
    tested = f"tested on the latest {row.tested_leads}" if row.tested_leads else "not tested on others"
    words = f"learned from {closed} closed leads, {tested}"
    return Quality(True, words, closed, converted, row.tested_leads, row.auc, row.calibration_error, row.trained_at)


def missing_history(closed: int, converted: int) -> str:
    """Return in words which history is missing for a learned model."""
    if closed < LEAST_CLOSED:
        return f"not enough history: {closed} of {LEAST_CLOSED} closed leads"
    if converted < LEAST_CONVERTED:
        return f"not enough history: {converted} of {LEAST_CONVERTED} conversions"
    if converted == closed:
        return "not enough history: no closed lead was lost"
    return "enough history: the model is learned within a day"


def _closed_leads(session: Session, clinic_id: UUID) -> Sequence[int]:
    """Return how many leads are closed, and converted. At most as many as needed are counted."""
    return [_count(session, clinic_id, LEAST_CLOSED, LeadStatus.CONVERTED, LeadStatus.LOST),
            _count(session, clinic_id, LEAST_CONVERTED, LeadStatus.CONVERTED)]  # fmt: skip


def _count(session: Session, clinic_id: UUID, most: int, *statuses: LeadStatus) -> int:
    of_clinic = (Lead.clinic_id == clinic_id, Lead.deleted_at.is_(None))
    parts: list[Select[Any]] = [select(Lead.id).where(*of_clinic, Lead.status == one).limit(most) for one in statuses]
    counts = [session.scalars(select(func.count()).select_from(part.subquery())).one() for part in parts]
    return min(sum(counts), most)


def get_score_settings(session: Session, actor: Actor) -> JsonDict:
    """Return `model`, `base`, `weights`, `version` and the quality of the learned model."""
    basis = load_basis(session, actor.clinic.id)
    return {
        "model": basis.model,
        "base": basis.base,
        "weights": [weight.to_json() for weight in basis.weights],
        "version": basis.version,
        "quality": quality(session, actor.clinic.id),
    }


def set_score_settings(session: Session, actor: Actor, data: JsonObject, *, seen: SeenVersions = None) -> JsonDict:
    """Replace the settings. Scores of leads follow with the next scan. Raises ChangedMeanwhile."""
    row = _lock_row(session, actor.clinic.id)
    require_version(row, seen)
    row.model, row.base, row.weights = data["model"], data["base"], data["weights"]
    row.version += 1
    session.flush()
    bump_rules_version(session, actor.clinic.id)  # captures cache the table
    changes = {name: data[name] for name in ("model", "base", "weights")}
    audit_log.note_change(session, "clinic", [actor.clinic.id], act=Act.UPDATE, after={"lead_scores": changes})
    return get_score_settings(session, actor)


def _lock_row(session: Session, clinic_id: UUID) -> ScoreTableRow:
    """Return the clinic's row, locked. It is created with the defaults, if there is none."""
    defaults = {"base": BASE, "weights": [weight.to_json() for weight in DEFAULT_WEIGHTS]}
    row = {"clinic_id": clinic_id, "model": ScoreModel.RULES, "version": 1, **defaults}
    session.execute(insert(ScoreTableRow).values(row).on_conflict_do_nothing())
    wanted = select(ScoreTableRow).where(ScoreTableRow.clinic_id == clinic_id).with_for_update()
    return session.scalars(wanted.execution_options(populate_existing=True)).one()

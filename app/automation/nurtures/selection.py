"""Selection of the leads of a nurture run: by score, by silence, and by the sequence's re-entry rule."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, literal, or_, select, true, tuple_

from app.automation.nurtures.models import Nurture
from app.automation.sequences.models import LIVE, Enrollment
from app.core.calendar.durations import parse_duration
from app.engine.sequences.sequence import Sequence
from app.leads.models import IS_OPEN_LEAD, Lead


def matching_leads(nurture: Nurture, sequence: Sequence, *, at: datetime) -> Select[UUID, int | None]:
    """Return the query for ids and scores, highest score first, without leads that opted out, are restricted or wait.

    A lead that was imported without follow-ups waits: see `leads/pipeline/waiting.py`.
    """
    return (
        select(Lead.id, Lead.score)
        .where(
            Lead.clinic_id == nurture.clinic_id,
            IS_OPEN_LEAD,
            Lead.score.is_not(None),
            Lead.opted_out_at.is_(None),
            Lead.restricted_at.is_(None),
            Lead.rules_wait_since.is_(None),
            Lead.score.between(nurture.score_from, nurture.score_to),
            _last_lead_activity() <= at - parse_duration(nurture.silent_for),
            ~_may_not_enter(sequence, at),
        )
        .order_by(Lead.score.desc(), Lead.id.desc())
    )


def after_position(score: int | None, lead_id: UUID | None) -> ColumnElement[bool]:
    """Return the condition for leads after this position of the order; None: all leads."""
    if score is None or lead_id is None:
        return true()
    return tuple_(Lead.score, Lead.id) < tuple_(literal(score), literal(lead_id))


def _last_lead_activity() -> ColumnElement[datetime]:
    """Return the time of the lead's last own activity: its creation, its last reply or its last touch."""
    return func.greatest(Lead.created_at, Lead.replied_at, Lead.last_touch_at)


def _may_not_enter(sequence: Sequence, at: datetime) -> ColumnElement[bool]:
    """Return whether the lead is in the sequence, or was in it and may not re-enter yet."""
    mine = (Enrollment.lead_id == Lead.id, Enrollment.sequence_id == sequence.id)
    if not sequence.re_entry.is_allowed:
        return select(literal(1)).where(*mine).exists()
    too_soon = Enrollment.ended_at > at - sequence.re_entry.after
    return select(literal(1)).where(*mine, or_(Enrollment.state.in_(LIVE), too_soon)).exists()

"""The leads that a nurture's run takes: by score and silence, those that its sequence would have."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, literal, or_, select, true, tuple_

from app.automation.nurtures.models import Nurture
from app.automation.sequences.models import LIVE, Enrollment
from app.core.calendar.durations import parse_duration
from app.engine.sequences.sequence import Sequence
from app.leads.models import IS_OPEN_LEAD, Lead


def leads_for(nurture: Nurture, sequence: Sequence, *, at: datetime) -> Select[UUID, int | None]:
    """Their ids and scores, the most promising first. Those that opted out or are restricted are none of them."""
    return (
        select(Lead.id, Lead.score)
        .where(
            Lead.clinic_id == nurture.clinic_id,
            IS_OPEN_LEAD,
            Lead.score.is_not(None),
            Lead.opted_out_at.is_(None),
            Lead.restricted_at.is_(None),
            Lead.score.between(nurture.score_from, nurture.score_to),
            _heard_of() <= at - parse_duration(nurture.silent_for),
            ~_has_been_in(sequence, at),
        )
        .order_by(Lead.score.desc(), Lead.id.desc())
    )


def beyond(score: int | None, lead_id: UUID | None) -> ColumnElement[bool]:
    """Those that come after this one; None: all of them."""
    if score is None or lead_id is None:
        return true()
    return tuple_(Lead.score, Lead.id) < tuple_(literal(score), literal(lead_id))


def _heard_of() -> ColumnElement[datetime]:
    """When the lead itself did something last: it came in, wrote or called, sent a form again."""
    return func.greatest(Lead.created_at, Lead.replied_at, Lead.last_touch_at)


def _has_been_in(sequence: Sequence, at: datetime) -> ColumnElement[bool]:
    """Whether it is in the sequence, or was, and may not be in it again by now."""
    mine = (Enrollment.lead_id == Lead.id, Enrollment.sequence_id == sequence.id)
    if not sequence.re_entry.is_allowed:
        return select(literal(1)).where(*mine).exists()
    too_soon = Enrollment.ended_at > at - sequence.re_entry.after
    return select(literal(1)).where(*mine, or_(Enrollment.state.in_(LIVE), too_soon)).exists()

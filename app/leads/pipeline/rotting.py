"""Rotting leads: open leads without attention for too long. The date is stored on the lead, so an index finds it.

Two limits apply, and the earlier date decides. `stale_after_days` of the clinic counts from the last contact in either
direction, else from the lead's creation. `max_days_in_stage` of the stage counts from the entry into the stage. Contact
and stage changes restart the counts; notes, edits and reassignments do not.

The date is updated together with the lead. If a clinic or stage changes its limit, a sweep updates the leads.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.identity.clinic_context import ClinicContext
from app.leads.enums import OPEN_STATUSES, RottingReason
from app.leads.models import Lead
from app.leads.pipeline.models import PipelineStage

_ReadColumn: TypeAlias = Callable[[str], Any]  # reads a column of a lead by its name

ROTTEN: Final = 50  # score at `rots_at`
WORST: Final = 100  # maximum score, after twice the allowed time


class Limits(NamedTuple):
    """Limits in days. `in_stage` is None if the stage has no limit."""

    without_contact: int
    in_stage: int | None


class Rotting(NamedTuple):
    """Date of rotting, and the limit that decides."""

    at: datetime
    reason: RottingReason


def rotting_date(last_contact: datetime, entered: datetime, limits: Limits) -> Rotting:
    """Return when a lead starts rotting, from its last contact and its entry into the stage."""
    no_contact = Rotting(last_contact + timedelta(days=limits.without_contact), RottingReason.NO_CONTACT)
    if limits.in_stage is None:
        return no_contact
    in_stage = Rotting(entered + timedelta(days=limits.in_stage), RottingReason.IN_STAGE_TOO_LONG)
    return in_stage if in_stage.at < no_contact.at else no_contact


def rotting_date_sql(lead: str, *, days: str, most_days: str, entered: str = "") -> tuple[str, str]:
    """Return `rotting_date` as two SQL expressions, date and reason. The arguments are SQL names."""
    no_contact = f"greatest({lead}.created_at, {lead}.contacted_at, {lead}.replied_at) + make_interval(days => {days})"
    in_stage = f"{entered or f'{lead}.stage_entered_at'} + make_interval(days => {most_days})"
    reason = f"CASE WHEN {in_stage} < {no_contact} THEN 'IN_STAGE_TOO_LONG' ELSE 'NO_CONTACT' END"
    return f"least({no_contact}, {in_stage})", reason


def update_rotting_date(session: Session, clinic: ClinicContext, lead: Lead) -> None:
    """Update the lead's rotting date and reason; closed leads have none."""
    if lead.status not in OPEN_STATUSES:
        lead.rots_at = lead.rotting_reason = None
        return
    with session.no_autoflush:  # avoids a second UPDATE of the lead
        limits = rotting_limits(session, clinic, lead.pipeline_stage)
    lead.rots_at, lead.rotting_reason = rotting_date(
        _last_contact(partial(getattr, lead)), lead.stage_entered_at, limits
    )


def rotting_limits(session: Session, clinic: ClinicContext, stage: str | None) -> Limits:
    """Load the limits for leads of the clinic in the stage with this slug."""
    most = select(PipelineStage.max_days_in_stage).where(
        PipelineStage.clinic_id == clinic.id, PipelineStage.slug == stage
    )
    return Limits(clinic.stale_after_days, session.scalar(most))


def is_rotten(lead: object, *, at: datetime) -> bool:
    """Return whether a lead (object or mapping) is open and rotting at this time. None rots while its rules wait."""
    value = _reader(lead)
    rots_at = _rots_at_if_open(value)
    return rots_at is not None and rots_at <= at and value("rules_wait_since") is None


def rotting_score(lead: object, *, at: datetime) -> int | None:
    """Return the rotting score of an open lead: 50 x elapsed time / allowed time, from 0 to 100.

    None for a closed lead.
    """
    value = _reader(lead)
    rots_at = _rots_at_if_open(value)
    if rots_at is None:
        return None
    start = _counts_from(value)
    if rots_at <= start:  # the limit is 0 days
        return WORST
    return max(0, min(WORST, int(ROTTEN * ((at - start) / (rots_at - start)))))


def _rots_at_if_open(value: _ReadColumn) -> datetime | None:
    rots_at: datetime | None = value("rots_at")
    return rots_at if value("status") in OPEN_STATUSES else None


def _reader(lead: object) -> _ReadColumn:
    return lead.get if type(lead) is dict or isinstance(lead, Mapping) else partial(getattr, lead)


def _counts_from(value: _ReadColumn) -> datetime:
    """Return the start of the limit that decides."""
    entered: datetime = value("stage_entered_at")
    if value("rotting_reason") == RottingReason.IN_STAGE_TOO_LONG:
        return entered
    return _last_contact(value)


def _last_contact(value: _ReadColumn) -> datetime:
    times: list[datetime | None] = [value(name) for name in ("created_at", "contacted_at", "replied_at")]
    return max(at for at in times if at)

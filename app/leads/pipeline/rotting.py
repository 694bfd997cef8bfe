"""When an open lead rots: it was left alone for too long. The date is kept with the lead, so an index finds it.

Two clocks run, and the one that is up first decides. One runs since somebody last spoke with the lead or heard from it,
else since it came, for `stale_after_days` of the clinic; the other since it entered its stage, for `max_days_in_stage`
of the stage. Contact and a change of stage wind them up again; notes, edits and reassignments do not.

Of one lead the date is set with what changes it; where a clinic or a stage changes how long is too long, a sweep dates
its leads anew.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple

from sqlalchemy import BindParameter, ColumnElement, and_, bindparam, select
from sqlalchemy.orm import Session

from app.clock import now
from app.identity.clinic_context import ClinicContext
from app.leads.models import OPEN_STATUSES, STILL_OPEN, Lead, RottingReason
from app.leads.pipeline.models import PipelineStage

ROTTEN: Final = 50  # the score at `rots_at`
WORST: Final = 100  # after twice as long


class Limits(NamedTuple):
    """How long is too long, in days; of a stage, None: as long as it takes."""

    without_contact: int
    in_stage: int | None


class Rotting(NamedTuple):
    """When, and by which clock."""

    at: datetime
    reason: RottingReason


def rots(last_contact: datetime, entered: datetime, limits: Limits) -> Rotting:
    """When a lead rots that somebody was last in contact with, and that entered its stage, at these times."""
    no_contact = Rotting(last_contact + timedelta(days=limits.without_contact), RottingReason.NO_CONTACT)
    if limits.in_stage is None:
        return no_contact
    in_stage = Rotting(entered + timedelta(days=limits.in_stage), RottingReason.IN_STAGE_TOO_LONG)
    return in_stage if in_stage.at < no_contact.at else no_contact


def rots_in_sql(lead: str, *, days: str, most_days: str, entered: str = "") -> tuple[str, str]:
    """The same as two expressions, date and reason, of what these are called in a statement."""
    no_contact = f"greatest({lead}.created_at, {lead}.contacted_at, {lead}.replied_at) + make_interval(days => {days})"
    in_stage = f"{entered or f'{lead}.stage_entered_at'} + make_interval(days => {most_days})"
    reason = f"CASE WHEN {in_stage} < {no_contact} THEN 'IN_STAGE_TOO_LONG' ELSE 'NO_CONTACT' END"
    return f"least({no_contact}, {in_stage})", reason


def date_rotting(session: Session, clinic: ClinicContext, lead: Lead) -> None:
    """Date the lead by its clocks as they stand; one that is closed does not rot."""
    if lead.status not in OPEN_STATUSES:
        lead.rots_at = lead.rotting_reason = None
        return
    with session.no_autoflush:  # else the lead is written twice
        limits = limits_of(session, clinic, lead.pipeline_stage)
    lead.rots_at, lead.rotting_reason = rots(_last_contact(partial(getattr, lead)), lead.stage_entered_at, limits)


def limits_of(session: Session, clinic: ClinicContext, stage: str | None) -> Limits:
    """Those of a clinic's lead in the stage of this slug."""
    most = select(PipelineStage.max_days_in_stage).where(
        PipelineStage.clinic_id == clinic.id, PipelineStage.slug == stage
    )
    return Limits(clinic.stale_after_days, session.scalar(most))


def is_rotting() -> ColumnElement[bool]:
    """Whether an open lead is rotten by now; one that is restricted is left alone."""
    return and_(STILL_OPEN, Lead.rots_at <= _now(), Lead.restricted_at.is_(None))


def is_fresh() -> ColumnElement[bool]:
    """Whether a lead is open, and not rotten yet."""
    return and_(STILL_OPEN, Lead.rots_at > _now())


def _now() -> BindParameter[datetime]:
    """Spelled out in the statement: how many leads rot decides how they are best found, and it cannot be seen in one
    that is planned once for all values.
    """
    return bindparam("now", now(), type_=Lead.rots_at.type, unique=True, literal_execute=True)


def is_rotten(lead: Any, *, at: datetime) -> bool:
    """Whether a lead (object or mapping) is open, and rotten at that time."""
    rots_at = _open_date(_reader(lead))
    return rots_at is not None and rots_at <= at


def score_of(lead: Any, *, at: datetime) -> int | None:
    """How far an open lead is on its way: 50 for each time it took as long as it may, up to 100.

    None for a lead that is closed.
    """
    value = _reader(lead)
    rots_at = _open_date(value)
    if rots_at is None:
        return None
    begun = _begun(value)
    if rots_at <= begun:  # a clinic that allows no day at all
        return WORST
    return max(0, min(WORST, int(ROTTEN * ((at - begun) / (rots_at - begun)))))


def _open_date(value: Any) -> datetime | None:
    rots_at: datetime | None = value("rots_at")
    return rots_at if value("status") in OPEN_STATUSES else None


def _reader(lead: Any) -> Any:
    return lead.get if isinstance(lead, Mapping) else partial(getattr, lead)


def _begun(value: Any) -> datetime:
    """When the clock began to run that decides."""
    entered: datetime = value("stage_entered_at")
    if value("rotting_reason") == RottingReason.IN_STAGE_TOO_LONG:
        return entered
    return _last_contact(value)


def _last_contact(value: Any) -> datetime:
    times: list[datetime | None] = [value(name) for name in ("created_at", "contacted_at", "replied_at")]
    return max(at for at in times if at)

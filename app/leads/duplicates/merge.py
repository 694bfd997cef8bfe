"""Making one lead of two that are one person. Nothing that happened with either is lost."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.clock import now
from app.engine.events.events import Event, EventName
from app.engine.service import record
from app.engine.steps.cancel import hand_over, stop
from app.errors import Invalid
from app.identity.actor import Actor
from app.leads.duplicates.merge_fields import combine, reckon
from app.leads.errors import LeadIsClosed
from app.leads.facts.events import lead_event
from app.leads.lookup import get_lead, require_unlocked, visible_to
from app.leads.models import OPEN_STATUSES, Lead
from app.leads.pipeline.progress import tend, touch
from app.leads.pipeline.rotting import date_rotting
from app.leads.timeline.entries import write_entry
from app.leads.timeline.models import FAILED_ATTEMPTS, Activity, ActivityType

# Every table with a lead_id is named in one of these. Steps and enrollments have a way of their own.
MOVED: Final = (
    "lead_tasks",
    "lead_activities",
    "notifications",
    "lead_touches",
    "consents",
    "assignment_history",
    "events",
)
LEFT: Final = ("job_items",)  # the record of what a job was told to do; nobody looks there by the lead

_MOVES: Final = [text(f"UPDATE {table} SET lead_id = :survivor WHERE lead_id = :duplicate") for table in MOVED]  # noqa: S608
_MERGED_EARLIER: Final = text("UPDATE leads SET merged_into_id = :survivor WHERE merged_into_id = :duplicate")


def merge(session: Session, actor: Actor, lead_id: UUID, *, duplicate_id: UUID) -> Lead:
    """Make the duplicate part of the lead, which survives; what belongs to it moves, empty fields are filled from it.

    Raises NotFound, LeadWasMerged, LeadIsLocked, LeadIsClosed (an open lead does not end in a closed one), Invalid.
    """
    if lead_id == duplicate_id:
        raise Invalid.at("/lead_id", "A lead is no duplicate of itself.")
    survivor, duplicate = _lock_both(session, actor, lead_id, duplicate_id)
    has_opted_out = survivor.opted_out_at is not None
    _move(session, survivor, duplicate)
    _bury(session, actor, duplicate, survivor)
    combine(survivor, duplicate)
    reckon(survivor, duplicate)
    survivor.failed_attempts = _attempts(session, survivor, most=survivor.failed_attempts + duplicate.failed_attempts)
    return _tell(session, actor, survivor, duplicate, has_opted_out=has_opted_out)


def _lock_both(session: Session, actor: Actor, lead_id: UUID, duplicate_id: UUID) -> tuple[Lead, Lead]:
    """In the order of their ids, as everybody who locks several."""
    both = select(Lead).where(Lead.id.in_((lead_id, duplicate_id)), *visible_to(actor)).order_by(Lead.id)
    locked = both.with_for_update(key_share=True).execution_options(populate_existing=True)
    found = {lead.id: lead for lead in session.scalars(locked)}
    survivor = found.get(lead_id) or get_lead(session, actor, lead_id)  # which says why it is not there
    if duplicate_id not in found:
        raise Invalid.at("/lead_id", "Not a lead of your clinic.")
    duplicate = found[duplicate_id]
    for lead in (survivor, duplicate):
        require_unlocked(lead)
    if survivor.status not in OPEN_STATUSES and duplicate.status in OPEN_STATUSES:
        raise LeadIsClosed
    return survivor, duplicate


def _move(session: Session, survivor: Lead, duplicate: Lead) -> None:
    leads = {"survivor": survivor.id, "duplicate": duplicate.id}
    hand_over(
        session, survivor=survivor.id, duplicate=duplicate.id
    )  # first: a late answer has its step, then its message
    for statement in (*_MOVES, _MERGED_EARLIER):
        session.execute(statement, leads)


def _bury(session: Session, actor: Actor, duplicate: Lead, survivor: Lead) -> None:
    """It stays as it was, for the record, and shows where it went; an integrator's id for it goes along if it can."""
    at = now()
    duplicate.merged_into_id, duplicate.deleted_at = survivor.id, at
    external = duplicate.external_source, duplicate.external_id
    if survivor.external_id is None:
        duplicate.external_source = duplicate.external_id = None
    touch(duplicate, actor, at)
    session.flush()  # before the survivor has the id: it is unique
    if survivor.external_id is None:
        survivor.external_source, survivor.external_id = external


def _attempts(session: Session, survivor: Lead, *, most: int) -> int:
    """The failed attempts of both, in a row since either was last contacted."""
    failed = select(func.count()).where(Activity.lead_id == survivor.id, Activity.outcome.in_(FAILED_ATTEMPTS))
    if survivor.contacted_at:
        failed = failed.where(Activity.occurred_at > survivor.contacted_at)
    return min(session.scalar(failed) or 0, most)


def _tell(session: Session, actor: Actor, survivor: Lead, duplicate: Lead, *, has_opted_out: bool) -> Lead:
    at = now()
    touch(survivor, actor, at)
    tend(survivor, at)
    date_rotting(session, actor.clinic, survivor)
    words = f"Merged with a duplicate, {duplicate.id}."
    write_entry(session, actor, survivor, type=ActivityType.NOTE, at=at, notes=words)
    merged = lead_event(EventName.LEAD_MERGED, survivor, at, about={"merged_lead_id": str(duplicate.id)})
    record(session, actor.clinic, merged, *_silence(session, survivor, at, has_opted_out=has_opted_out))
    return survivor


def _silence(session: Session, survivor: Lead, at: datetime, *, has_opted_out: bool) -> list[Event]:
    """Whichever of the two opted out: what the other had pending stops. It is news unless it was the survivor."""
    if survivor.opted_out_at is None:
        return []
    opted_out = lead_event(EventName.LEAD_OPTED_OUT, survivor, at)
    if not has_opted_out:
        return [opted_out]
    stop(session, [opted_out])
    return []

"""Leads that nobody looks after: the list of them, and finding somebody (business rule 2 of lead-management.md)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import or_, select, text
from sqlalchemy.orm import Session

from app.clock import now
from app.core.pagination import Page, page
from app.identity.actor import Actor
from app.identity.models import User
from app.leads.assignment.choose import load_roster, one_by_one
from app.leads.assignment.eligible_users import clinics_rules
from app.leads.assignment.models import Why
from app.leads.assignment.moving import Cause, move, share_out
from app.leads.lookup import NEWEST_FIRST, visible_to
from app.leads.models import STILL_OPEN, UNTENDED, Lead
from app.security.encrypted_fields import open_rows

_CLINICS: Final = text(
    "SELECT c.id FROM clinics c WHERE EXISTS (SELECT 1 FROM leads WHERE clinic_id = c.id"  # noqa: S608  (ours)
    f" AND assigned_to_id IS NULL AND {UNTENDED})"
    " OR EXISTS (SELECT 1 FROM users u JOIN leads l ON l.clinic_id = u.clinic_id AND l.assigned_to_id = u.id"
    " WHERE u.clinic_id = c.id AND NOT u.is_active AND l.status IN ('NEW', 'ACTIVE') AND l.deleted_at IS NULL)"
    " ORDER BY c.id"
)


def unassigned(session: Session, actor: Actor, query: Mapping[str, Any]) -> Page:
    """The open leads without a coordinator who works here, newest first."""
    leads = select(Lead.__table__).where(*visible_to(actor), *_nobodys(session, actor.clinic.id))
    return page(session, leads, NEWEST_FIRST, query)


def clinics_with_orphans(session: Session) -> Sequence[UUID]:
    """The clinics that have leads without a coordinator who works there."""
    return session.scalars(_CLINICS).all()


def assign_orphans(session: Session, actor: Actor, *, most: int) -> tuple[int, int]:
    """Give up to so many of the clinic's leads without an active coordinator to somebody, by the rules, else by load.

    Returns how many were given to somebody, and how many nobody could take. Leads that somebody is just changing wait
    for the next time.
    """
    at = now()
    one_by_one(session, actor.clinic.id)
    leads = _lock(session, actor, most=most)
    rules = clinics_rules(session, actor.clinic, at=at)
    roster = load_roster(session, actor.clinic, rules, at=at)
    decided = share_out(session, actor, leads, rules=rules, roster=roster)
    move(session, actor, leads, decided, cause=Cause(at, Why.ORPHANED))
    return len(decided), len(leads) - len(decided)


def _lock(session: Session, actor: Actor, *, most: int) -> Sequence[Any]:
    leads = select(Lead.__table__).where(*visible_to(actor), *_nobodys(session, actor.clinic.id))
    oldest = leads.order_by(Lead.id).limit(most)
    free = oldest.with_for_update(key_share=True, skip_locked=True)
    return open_rows(Lead, session.execute(free))


def _nobodys(session: Session, clinic_id: UUID) -> tuple[Any, ...]:
    gone = list(session.scalars(select(User.id).where(User.clinic_id == clinic_id, ~User.is_active)))
    return STILL_OPEN, or_(Lead.assigned_to_id.is_(None), Lead.assigned_to_id.in_(gone))

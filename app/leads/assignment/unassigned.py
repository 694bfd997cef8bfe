"""Open leads without an active owner: list and assign them (lead-management.md, business rule 2)."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import or_, select, text, union_all
from sqlalchemy.orm import Session

from app.clock import now
from app.core.pagination import Page, page
from app.core.type_aliases import JsonObject
from app.identity.actor import Actor
from app.identity.models import User
from app.identity.roles import may_work_sql
from app.identity.users.lookup import MAY_WORK
from app.leads.assignment.assign_many import AssignmentCause, assign_leads, choose_by_rules
from app.leads.assignment.choose import load_roster, lock_clinic_assignment
from app.leads.assignment.models import AssignmentReason
from app.leads.assignment.reassignment_roster import rules_with_default
from app.leads.models import IS_OPEN_LEAD, OPEN_LEAD_SQL, Lead
from app.leads.search.lookup import NEWEST_FIRST, visible_to
from app.security.encrypted_fields import decrypt_rows

_CLINICS: Final = text(
    "SELECT c.id FROM clinics c WHERE EXISTS (SELECT 1 FROM leads WHERE clinic_id = c.id"  # noqa: S608  (ours)
    f" AND assigned_to_id IS NULL AND {OPEN_LEAD_SQL})"
    " OR EXISTS (SELECT 1 FROM users u JOIN leads l ON l.clinic_id = u.clinic_id AND l.assigned_to_id = u.id"
    f" WHERE u.clinic_id = c.id AND NOT (u.is_active AND {may_work_sql('u')})"
    " AND l.status IN ('NEW', 'ACTIVE') AND l.deleted_at IS NULL)"
    " ORDER BY c.id"
)


def list_unassigned(session: Session, actor: Actor, query: JsonObject) -> Page:
    """List the open leads without an active owner, newest first."""
    leads = select(Lead.__table__).where(*visible_to(actor), *_without_owner(session, actor.clinic.id))
    return page(session, leads, NEWEST_FIRST, query)


def clinics_with_unassigned_leads(session: Session) -> Sequence[UUID]:
    """Return the ids of clinics that have open leads without an active owner."""
    return session.scalars(_CLINICS).all()


def assign_unassigned_leads(session: Session, actor: Actor, *, most: int) -> tuple[int, int]:
    """Assign up to `most` open leads without an active owner, by the rules, else to the least loaded user.

    Returns the numbers of assigned leads and of leads without an eligible user. Leads locked by another transaction
    are skipped until the next run.
    """
    at = now()
    lock_clinic_assignment(session, actor.clinic.id)
    leads = _lock(session, actor, most=most)
    rules = rules_with_default(session, actor.clinic, at=at)
    roster = load_roster(session, actor.clinic, rules, at=at)
    decided = choose_by_rules(session, actor, leads, rules=rules, roster=roster)
    assign_leads(session, actor, leads, decided, cause=AssignmentCause(at, AssignmentReason.ORPHANED))
    return len(decided), len(leads) - len(decided)


def _lock(session: Session, actor: Actor, *, most: int) -> Sequence[Any]:
    leads = select(Lead.__table__).where(*visible_to(actor), *_without_owner(session, actor.clinic.id))
    oldest = leads.order_by(Lead.id).limit(most)
    free = oldest.with_for_update(key_share=True, skip_locked=True)
    return decrypt_rows(Lead, session.execute(free))


def _without_owner(session: Session, clinic_id: UUID) -> tuple[Any, ...]:
    """Return the conditions.

    Each half of the union is an index look-up; `OR` alone would read all leads of the clinic. PostgreSQL checks the
    `OR` again for a row that another transaction changed before it was locked.
    """
    others = list(session.scalars(select(User.id).where(User.clinic_id == clinic_id, ~MAY_WORK)))
    open_leads = select(Lead.id).where(Lead.clinic_id == clinic_id, IS_OPEN_LEAD).correlate(None)
    without_owner = (Lead.assigned_to_id.is_(None), Lead.assigned_to_id.in_(others))
    halves = union_all(*(open_leads.where(test) for test in without_owner))
    return IS_OPEN_LEAD, or_(*without_owner), Lead.id.in_(halves)

"""Hand over all open leads and tasks of a user, by workload or by the clinic's assignment rules."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, union
from sqlalchemy.orm import Session

from app.clock import now
from app.errors import FieldError, Invalid
from app.identity.actor import Actor
from app.identity.users.lookup import MUST_BE_ASSIGNABLE
from app.leads.assignment.assign_many import AssignmentCause, assign_leads, choose_by_rules
from app.leads.assignment.choose import lock_clinic_assignment
from app.leads.assignment.models import AssignmentReason
from app.leads.assignment.owner_changes import OwnerChange
from app.leads.assignment.reassignment_roster import roster_of_all_users, rules_with_default
from app.leads.assignment.rules.roster import Roster
from app.leads.assignment.rules.rules import Rule, least_loaded_rule
from app.leads.enums import OPEN_STATUSES
from app.leads.models import IS_OPEN_LEAD, Lead
from app.leads.search.lookup import visible_to
from app.leads.search.open_task import IS_OPEN_TASK
from app.security.encrypted_fields import decrypt_rows
from app.tasks.lifecycle.assignment_notices import notify_of_many
from app.tasks.models import Task
from app.tasks.workload.move_tasks import move_owners_tasks

BATCH: Final = 1000  # leads


@dataclass(slots=True)
class HandedOver:
    """Number of leads and tasks per new user, and of leads that no user could take."""

    leads: Counter[UUID] = field(default_factory=Counter)
    tasks: Counter[UUID] = field(default_factory=Counter)
    left: int = 0


def hand_over(
    session: Session,
    actor: Actor,
    user_id: UUID,
    *,
    to: Sequence[UUID] | None,
    reason: str | None,
    why: AssignmentReason = AssignmentReason.DEACTIVATION,
) -> HandedOver:
    """Reassign every open lead and task of a user, to the users in `to` by workload or by the assignment rules.

    If no rule applies, leads go to the coordinators by workload, else to the admins. Tasks follow their lead. Tasks on
    another user's lead go to that user if available. Reminders go to the user who has the task when they are due, and
    each user gets one notice. Runs in the caller's transaction, before it locks any lead.
    Raises Invalid at `/to_ids/0` and so on (when a user in `to` is not available).
    """
    at, gone, done = now(), {user_id}, HandedOver()
    lock_clinic_assignment(session, actor.clinic.id)
    rules = (
        [least_loaded_rule(to)] if to is not None else rules_with_default(session, actor.clinic, at=at, without=gone)
    )
    roster = roster_of_all_users(session, actor.clinic, rules, at=at, without=gone)
    _require_there(roster, to)
    order = _HandoverPlan(user_id, rules, roster, AssignmentCause(at, why, reason))
    ids = _leads_with_work(session, actor, user_id)
    for first in range(0, len(ids), BATCH):
        _hand_over(session, actor, order, _lock(session, actor, ids[first : first + BATCH]), done=done)
    notify_of_many(session, actor.clinic, done.tasks, by=(actor.user_id, actor.name))
    return done


def check_assignees(session: Session, actor: Actor, to: Sequence[UUID] | None, *, user_id: UUID) -> None:
    """Check the users in `to`, who shall get the leads and tasks of this user. Raises Invalid with every error."""
    if to is not None:
        at, rules = now(), [least_loaded_rule(to)]
        _require_there(roster_of_all_users(session, actor.clinic, rules, at=at, without={user_id}), to)


@dataclass(frozen=True, slots=True)
class _HandoverPlan:
    """Parameters of a handover."""

    user_id: UUID
    rules: Sequence[Rule]
    roster: Roster
    cause: AssignmentCause


def _hand_over(session: Session, actor: Actor, order: _HandoverPlan, leads: Sequence[Any], *, done: HandedOver) -> None:
    own, others = _split(leads, order.user_id)
    assignees = {lead.id: lead.assigned_to_id for lead in others if order.roster.is_available(lead.assigned_to_id)}
    unassigned = [*own, *(lead for lead in others if lead.id not in assignees)]
    decided = choose_by_rules(session, actor, unassigned, rules=order.rules, roster=order.roster)
    assignees |= {lead_id: decision.user_id for lead_id, decision in decided.items()}
    changes = [OwnerChange(lead_id, order.user_id, assignee) for lead_id, assignee in assignees.items()]
    done.tasks.update(move_owners_tasks(session, changes, at=order.cause.at))
    assign_leads(session, actor, own, decided, cause=order.cause)
    done.leads.update(assignees[lead.id] for lead in own if lead.id in assignees)
    done.left += sum(lead.id not in assignees for lead in own)


def _require_there(roster: Roster, to: Sequence[UUID] | None) -> None:
    away = [place for place, user_id in enumerate(to or ()) if not roster.is_available(user_id)]
    if away:
        problem = f"Must be another user who is not away. {MUST_BE_ASSIGNABLE}"
        raise Invalid(*(FieldError(f"/to_ids/{place}", problem) for place in away))


def _leads_with_work(session: Session, actor: Actor, user_id: UUID) -> list[UUID]:
    """Return the ids of the user's open leads and of leads with their open tasks, in locking order."""
    own = select(Lead.id).where(*visible_to(actor), Lead.assigned_to_id == user_id, IS_OPEN_LEAD)
    busy = select(Task.lead_id).where(Task.assigned_to_id == user_id, IS_OPEN_TASK)
    return sorted(session.scalars(union(own, busy)))


def _lock(session: Session, actor: Actor, ids: Sequence[UUID]) -> Sequence[object]:
    leads = select(Lead.__table__).where(Lead.id.in_(ids), *visible_to(actor)).order_by(Lead.id)
    return decrypt_rows(Lead, session.execute(leads.with_for_update(key_share=True)))


def _split(leads: Iterable[Any], user_id: UUID) -> tuple[list[Any], list[Any]]:
    """Split into the user's own open leads, and other leads with their tasks."""
    own: list[Any] = []
    others: list[object] = []
    for lead in leads:
        theirs = lead.assigned_to_id == user_id and lead.status in OPEN_STATUSES
        (own if theirs else others).append(lead)
    return own, others

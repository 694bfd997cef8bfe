"""Handing over what somebody has: all their open leads and tasks, by load or by the clinic's rules."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, text, union
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import recordset, to_json
from app.errors import Invalid
from app.identity.actor import Actor
from app.leads.assignment.choose import one_by_one
from app.leads.assignment.eligible_users import clinics_rules, roster_of_all
from app.leads.assignment.models import Why
from app.leads.assignment.moving import Cause, move, share_out
from app.leads.assignment.roster import Roster
from app.leads.assignment.rules.rules import Rule, by_load
from app.leads.lookup import visible_to
from app.leads.models import OPEN_STATUSES, STILL_OPEN, Lead
from app.leads.next_actions.open_task import TO_BE_DONE
from app.security.encrypted_fields import open_rows
from app.tasks.models import Task

BATCH: Final = 1000  # leads

_TASKS: Final = text(
    "WITH going AS (SELECT lead_id, assigned_to_id"  # noqa: S608  (the names are the model's)
    f" FROM {recordset(Task, ('lead_id', 'assigned_to_id'))})"
    " UPDATE lead_tasks AS t SET assigned_to_id = going.assigned_to_id, updated_at = :at, version = t.version + 1"
    " FROM going WHERE t.lead_id = going.lead_id AND t.assigned_to_id = :from"
    " AND t.status IN ('PENDING', 'IN_PROGRESS', 'OVERDUE') RETURNING t.assigned_to_id"
)


@dataclass(slots=True)
class HandedOver:
    """How many of the leads and tasks went to whom, and how many leads nobody could take."""

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
    why: Why = Why.DEACTIVATION,
) -> HandedOver:
    """Give every open lead and task of a user of the clinic to those in `to`, by load; without them, by the rules.

    What no rule has anybody for goes to the coordinators by load, else to the admins. Tasks go along with their lead;
    those with somebody else's lead go to that somebody, where they are there. Reminders reach whoever has the task when
    they are due. In the caller's transaction, before it locks any lead. Raises Invalid at `/to_ids/0` and so on.
    """
    at, gone, done = now(), {user_id}, HandedOver()
    one_by_one(session, actor.clinic.id)
    rules = [by_load(to)] if to is not None else clinics_rules(session, actor.clinic, at=at, without=gone)
    roster = roster_of_all(session, actor.clinic, rules, at=at, without=gone)
    _require_there(roster, to)
    order = _Order(user_id, rules, roster, Cause(at, why, reason))
    ids = _leads_with_work(session, actor, user_id)
    for first in range(0, len(ids), BATCH):
        _hand_over(session, actor, order, _lock(session, actor, ids[first : first + BATCH]), done=done)
    return done


@dataclass(frozen=True, slots=True)
class _Order:
    """Whose work goes to whom."""

    user_id: UUID
    rules: Sequence[Rule]
    roster: Roster
    cause: Cause


def _hand_over(session: Session, actor: Actor, order: _Order, leads: Sequence[Any], *, done: HandedOver) -> None:
    own, others = _part(leads, order.user_id)
    takers = {lead.id: lead.assigned_to_id for lead in others if order.roster.is_there(lead.assigned_to_id)}
    homeless = [*own, *(lead for lead in others if lead.id not in takers)]
    decided = share_out(session, actor, homeless, rules=order.rules, roster=order.roster)
    move(session, actor, own, decided, cause=order.cause)
    takers |= {lead_id: decision.user_id for lead_id, decision in decided.items()}
    done.leads.update(takers[lead.id] for lead in own if lead.id in takers)
    done.left += sum(lead.id not in takers for lead in own)
    done.tasks.update(_move_tasks(session, order, takers))


def _require_there(roster: Roster, to: Sequence[UUID] | None) -> None:
    for place, user_id in enumerate(to or ()):
        if not roster.is_there(user_id):
            raise Invalid.at(f"/to_ids/{place}", "Must be another active user of your clinic who is not away.")


def _leads_with_work(session: Session, actor: Actor, user_id: UUID) -> list[UUID]:
    """Of all leads that are theirs, or that they have a task with, in the order in which leads are locked."""
    own = select(Lead.id).where(*visible_to(actor), Lead.assigned_to_id == user_id, STILL_OPEN)
    busy = select(Task.lead_id).where(Task.assigned_to_id == user_id, TO_BE_DONE)
    return sorted(session.scalars(union(own, busy)))


def _lock(session: Session, actor: Actor, ids: Sequence[UUID]) -> Sequence[Any]:
    leads = select(Lead.__table__).where(Lead.id.in_(ids), *visible_to(actor)).order_by(Lead.id)
    return open_rows(Lead, session.execute(leads.with_for_update(key_share=True)))


def _part(leads: Iterable[Any], user_id: UUID) -> tuple[list[Any], list[Any]]:
    """Their own open leads, and the others that they have a task with."""
    own: list[Any] = []
    others: list[Any] = []
    for lead in leads:
        theirs = lead.assigned_to_id == user_id and lead.status in OPEN_STATUSES
        (own if theirs else others).append(lead)
    return own, others


def _move_tasks(session: Session, order: _Order, takers: Mapping[UUID, UUID]) -> Iterable[UUID]:
    """The tasks of each of these leads to its taker; returns who got each."""
    rows = [{"lead_id": lead_id, "assigned_to_id": taker} for lead_id, taker in takers.items()]
    if not rows:
        return ()
    given = {"rows": to_json(rows), "from": order.user_id, "at": order.cause.at}
    return session.scalars(_TASKS, given).all()

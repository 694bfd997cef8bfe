"""Handing over what somebody has: all their open leads and tasks, by load or by the clinic's rules."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, text, union
from sqlalchemy.orm import Session

from app.assignment.choosing import one_by_one
from app.assignment.models import Why
from app.assignment.moving import move, share_out
from app.assignment.roster import Roster
from app.assignment.rules import by_load
from app.assignment.takers import clinics_rules, roster_of_all
from app.clock import now
from app.db import recordset, to_json
from app.errors import Invalid
from app.identity.actor import Actor
from app.identity.models import User
from app.leads.lookup import visible_to
from app.leads.models import OPEN_STATUSES, Lead
from app.tasks.models import OPEN_TASKS, Task

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
    at, done = now(), HandedOver()
    one_by_one(session, actor.clinic.id)
    gone = {user_id}
    rules = [by_load(to)] if to is not None else clinics_rules(session, actor.clinic, at=at, without=gone)
    roster = roster_of_all(session, actor.clinic, rules, at=at, without=gone)
    _require_there(roster, to)
    ids = _leads_with_work(session, user_id)
    for first in range(0, len(ids), BATCH):
        leads = _lock(session, actor, ids[first : first + BATCH])
        own, others = _part(leads, user_id)
        helped = {lead.id: lead.assigned_to_id for lead in others if roster.is_there(lead.assigned_to_id)}
        homeless = [*own, *(lead for lead in others if lead.id not in helped)]
        decided = share_out(session, actor, homeless, rules=rules, roster=roster)
        move(session, actor, own, decided, at=at, why=why, reason=reason)
        done.leads.update(decided[lead.id].user_id for lead in own if lead.id in decided)
        done.left += sum(lead.id not in decided for lead in own)
        helped |= {lead_id: decision.user_id for lead_id, decision in decided.items()}
        done.tasks.update(_move_tasks(session, user_id, helped, at=at))
    return done


def _require_there(roster: Roster, to: Sequence[UUID] | None) -> None:
    for place, user_id in enumerate(to or ()):
        if not roster.is_there(user_id):
            raise Invalid.at(f"/to_ids/{place}", "Must be another active user of your clinic who is not away.")


def _leads_with_work(session: Session, user_id: UUID) -> list[UUID]:
    """Of all leads that are theirs, or that they have a task with, in the order in which leads are locked."""
    own = select(Lead.id).where(
        Lead.clinic_id == select(User.clinic_id).where(User.id == user_id).scalar_subquery(),
        Lead.assigned_to_id == user_id,
        Lead.status.in_(OPEN_STATUSES),
    )
    busy = select(Task.lead_id).where(Task.assigned_to_id == user_id, Task.status.in_(OPEN_TASKS))
    return sorted(session.scalars(union(own, busy)))


def _lock(session: Session, actor: Actor, ids: Sequence[UUID]) -> Sequence[Any]:
    leads = select(Lead.__table__).where(Lead.id.in_(ids), *visible_to(actor)).order_by(Lead.id)
    return session.execute(leads.with_for_update(key_share=True)).all()


def _part(leads: Iterable[Any], user_id: UUID) -> tuple[list[Any], list[Any]]:
    """Their own open leads, and the others that they have a task with."""
    own: list[Any] = []
    others: list[Any] = []
    for lead in leads:
        theirs = lead.assigned_to_id == user_id and lead.status in OPEN_STATUSES
        (own if theirs else others).append(lead)
    return own, others


def _move_tasks(session: Session, user_id: UUID, to: dict[UUID, UUID], *, at: datetime) -> Iterable[UUID]:
    rows = [{"lead_id": lead_id, "assigned_to_id": taker} for lead_id, taker in to.items()]
    if not rows:
        return ()
    return session.scalars(_TASKS, {"rows": to_json(rows), "from": user_id, "at": at}).all()

"""Giving many leads to others at once, each with what a manual assignment leaves behind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.audit import audit_log
from app.audit.models import Act
from app.core.db import insert_many, update_many
from app.engine.events.events import EventName
from app.engine.service import record
from app.identity.actor import Actor
from app.leads.assignment.choose import facts_of, give_out
from app.leads.assignment.history_rows import entry, moved, rule_of
from app.leads.assignment.models import AssignmentEntry, Why
from app.leads.assignment.people import People, people
from app.leads.assignment.roster import Roster
from app.leads.assignment.rules.evaluation import Decision
from app.leads.assignment.rules.rules import Rule
from app.leads.facts.events import lead_event
from app.leads.models import Lead
from app.leads.timeline.models import Activity, ActivityType
from app.leads.timeline.rows import activity_row

_CHANGED: Final = ("assigned_to_id", "assigned_at", "updated_at", "updated_by", "last_activity_at", "stale_since")


@dataclass(frozen=True, slots=True)
class Cause:
    """When and why leads are moved; `reason` is a person's own words."""

    at: datetime
    why: Why
    reason: str | None = None


def share_out(
    session: Session, actor: Actor, leads: Sequence[Any], *, rules: Sequence[Rule], roster: Roster
) -> dict[UUID, Decision]:
    """Who of the roster gets each of the leads (rows), by lead; one that nobody can take is left out."""
    facts = facts_of(session, actor.clinic, rules, [vars(lead) for lead in leads])
    decisions = give_out(session, rules, facts, roster)
    return {lead.id: decision for lead, decision in zip(leads, decisions, strict=True) if decision}


def move(session: Session, actor: Actor, leads: Sequence[Any], to: Mapping[UUID, Decision], *, cause: Cause) -> None:
    """Give each of the leads (locked rows) in `to` to whom it names: row, history, timeline and event of each."""
    going = [lead for lead in leads if lead.id in to]
    if not going:
        return
    who = {lead.assigned_to_id for lead in going} | {decision.user_id for decision in to.values()}
    known = people(session, actor.clinic.id, who)
    changes = [_change(actor, lead, to[lead.id].user_id, at=cause.at) for lead in going]
    update_many(session, Lead, changes, _CHANGED, also="version = t.version + 1")
    for user_id in {decision.user_id for decision in to.values()}:
        theirs = [lead.id for lead in going if to[lead.id].user_id == user_id]
        audit_log.wrote(session, "lead", theirs, act=Act.UPDATE, after={"assigned_to_id": user_id})
    insert_many(session, AssignmentEntry, [_entry(actor, lead, to[lead.id], cause) for lead in going])
    insert_many(session, Activity, [_note(actor, lead, _words(lead, to, known, cause), at=cause.at) for lead in going])
    now_theirs = (_as_it_is(lead, change) for lead, change in zip(going, changes, strict=True))
    record(session, actor.clinic, *(lead_event(EventName.LEAD_ASSIGNED, lead, cause.at) for lead in now_theirs))


def _as_it_is(lead: Any, change: Mapping[str, Any]) -> SimpleNamespace:
    return SimpleNamespace(**{**vars(lead), **change, "version": lead.version + 1})


def _entry(actor: Actor, lead: Any, decision: Decision, cause: Cause) -> dict[str, Any]:
    who = {"from_id": lead.assigned_to_id, "to_id": decision.user_id, "by_id": actor.user_id}
    why = {"why": cause.why, "reason": cause.reason, **rule_of(decision)}
    return entry(lead.clinic_id, lead.id, at=cause.at, **who, **why)


def _words(lead: Any, to: Mapping[UUID, Decision], known: People, cause: Cause) -> str:
    before = known.get(lead.assigned_to_id)
    return moved(before.name if before else None, known[to[lead.id].user_id].name, cause.reason)


def _note(actor: Actor, lead: Any, words: str, *, at: datetime) -> dict[str, Any]:
    kind = ActivityType.ASSIGNMENT_CHANGE
    return activity_row(lead.clinic_id, lead.id, at=at, type=kind, notes=words, created_by=actor.user_id)


def _change(actor: Actor, lead: Any, user_id: UUID, *, at: datetime) -> dict[str, Any]:
    return {
        "id": lead.id,
        "assigned_to_id": user_id,
        "assigned_at": at,
        "updated_at": at,
        "updated_by": actor.user_id,
        "last_activity_at": max(at, lead.last_activity_at),
        "stale_since": None,
    }

"""Giving one lead to somebody: by hand, or because an automation rule says so."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.clock import now
from app.engine.events.events import EventName
from app.engine.service import record
from app.identity.actor import Actor
from app.leads.assignment.choose import default_rules, facts_of, give_out, load_roster, one_by_one
from app.leads.assignment.history_rows import NO_RULE, entry, moved, rule_of
from app.leads.assignment.models import AssignmentEntry, Why
from app.leads.assignment.people import people, require_available
from app.leads.assignment.rules.ruleset import rules_of
from app.leads.facts.events import lead_event
from app.leads.lookup import open_lead
from app.leads.models import Lead
from app.leads.pipeline.progress import tend, touch
from app.leads.timeline.entries import write_entry
from app.leads.timeline.models import ActivityType


def assign(session: Session, actor: Actor, lead_id: UUID, user_id: UUID, *, reason: str | None = None) -> Lead:
    """Give the lead to an active user of the clinic, absent or not; who has it already keeps it.

    Raises NotFound, LeadIsLocked, LeadIsClosed, Invalid.
    """
    lead = open_lead(session, actor, lead_id)
    if lead.assigned_to_id == user_id:
        return lead
    require_available(people(session, lead.clinic_id, [user_id]), user_id)
    _hand_over(session, actor, lead, user_id, how={"why": Why.MANUAL, "reason": reason, **NO_RULE})
    return lead


def give_to(session: Session, actor: Actor, lead: Lead, user_id: UUID) -> None:
    """Give a lead that is locked to this user, because an automation rule says so."""
    _hand_over(session, actor, lead, user_id, how={"why": Why.AUTOMATION, "reason": None, **NO_RULE})


def give_by_rules(session: Session, actor: Actor, lead: Lead) -> None:
    """Give a lead that is locked to whom the assignment rules choose, else to whoever of the default team has least.

    Who has it already may keep it; where nobody can take it, it stays where it is.
    """
    at, clinic = now(), actor.clinic
    one_by_one(session, clinic.id)
    rules = [*rules_of(session, clinic), *default_rules(session, clinic, at=at)]
    facts = facts_of(session, clinic, rules, [vars(lead)])
    [decision] = give_out(session, rules, facts, load_roster(session, clinic, rules, at=at))
    if decision and decision.user_id != lead.assigned_to_id:
        how = {"why": Why.RULE, "reason": None, **rule_of(decision)}
        _hand_over(session, actor, lead, decision.user_id, how=how)


def _hand_over(session: Session, actor: Actor, lead: Lead, user_id: UUID, *, how: Mapping[str, Any]) -> None:
    at, known = now(), people(session, lead.clinic_id, filter(None, (lead.assigned_to_id, user_id)))
    before = known.get(lead.assigned_to_id) if lead.assigned_to_id else None
    who = {"from_id": lead.assigned_to_id, "to_id": user_id, "by_id": actor.user_id}
    session.add(AssignmentEntry(**entry(lead.clinic_id, lead.id, at=at, **who, **how)))
    lead.assigned_to_id = user_id
    lead.assigned_at = at
    touch(lead, actor, at)
    tend(lead, at)
    notes = moved(before.name if before else None, known[user_id].name, how["reason"])
    write_entry(session, actor, lead, type=ActivityType.ASSIGNMENT_CHANGE, at=at, notes=notes)
    changed = {"changed": ["assigned_to_id"]}
    record(session, actor.clinic, lead_event(EventName.LEAD_ASSIGNED, lead, at, about=changed))

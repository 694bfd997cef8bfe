"""Assignment of one lead: by a user, by an automation rule, or by the assignment rules."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.clock import now
from app.core.type_aliases import JsonObject
from app.engine.events.events import Event, EventName
from app.engine.service import record
from app.identity.actor import Actor
from app.identity.users.lookup import require_assignable, users_by_id
from app.leads.assignment.choose import (
    decide_all,
    default_rules,
    load_roster,
    lock_clinic_assignment,
    with_source_category,
)
from app.leads.assignment.history_rows import NO_RULE, change_note, history_row, rule_columns
from app.leads.assignment.models import AssignmentEntry, AssignmentReason
from app.leads.assignment.owner_changes import OwnerChange, owners_changed
from app.leads.assignment.rules.ruleset import active_rules
from app.leads.events import lead_event
from app.leads.models import Lead
from app.leads.pipeline.lead_state import mark_activity, mark_updated
from app.leads.search.lookup import lock_open_lead
from app.leads.timeline.entries import write_entry
from app.leads.timeline.models import ActivityType


def assign(session: Session, actor: Actor, lead_id: UUID, user_id: UUID, *, reason: str | None = None) -> Lead:
    """Assign the lead to an active user of the clinic, even if that user is absent.

    The open tasks of the previous owner move along. Does nothing if the user already owns the lead.
    Raises NotFound, LeadIsLocked, LeadIsClosed, Invalid.
    """
    lead = lock_open_lead(session, actor, lead_id)
    if lead.assigned_to_id == user_id:
        return lead
    require_assignable(users_by_id(session, lead.clinic_id, [user_id]), user_id)
    lead.rules_wait_since = lead.rules_wait_until = None  # a user takes care of this one lead
    _hand_over(session, actor, lead, user_id, reason={"why": AssignmentReason.MANUAL, "reason": reason, **NO_RULE})
    return lead


def assign_to_user(session: Session, actor: Actor, lead: Lead, user_id: UUID) -> None:
    """Assign a locked lead to a user on behalf of an automation rule."""
    _hand_over(session, actor, lead, user_id, reason={"why": AssignmentReason.AUTOMATION, "reason": None, **NO_RULE})


def assign_by_rules(session: Session, actor: Actor, lead: Lead) -> None:
    """Assign a locked lead by the assignment rules; the fallback is the least loaded user of the default team.

    The rules may choose the current owner. If no user is eligible, the lead keeps its owner.
    """
    at, clinic = now(), actor.clinic
    lock_clinic_assignment(session, clinic.id)
    rules = [*active_rules(session, clinic), *default_rules(session, clinic, at=at)]
    facts = with_source_category(session, clinic, rules, [vars(lead)])
    [decision] = decide_all(session, rules, facts, load_roster(session, clinic, rules, at=at))
    if decision and decision.user_id != lead.assigned_to_id:
        reason = {"why": AssignmentReason.RULE, "reason": None, **rule_columns(decision)}
        _hand_over(session, actor, lead, decision.user_id, reason=reason)


def _hand_over(session: Session, actor: Actor, lead: Lead, user_id: UUID, *, reason: JsonObject) -> None:
    at, users = now(), users_by_id(session, lead.clinic_id, filter(None, (lead.assigned_to_id, user_id)))
    before = users.get(lead.assigned_to_id) if lead.assigned_to_id else None
    change = {"from_id": lead.assigned_to_id, "to_id": user_id, "by_id": actor.user_id}
    if lead.assigned_to_id:
        owners_changed(session, [OwnerChange(lead.id, lead.assigned_to_id, user_id)], at)
    session.add(AssignmentEntry(**history_row(lead.clinic_id, lead.id, at=at, **change, **reason)))
    assigned = set_owner(lead, actor, user_id, at=at)
    notes = change_note(before.name if before else None, users[user_id].name, reason["reason"])
    write_entry(session, actor, lead, type=ActivityType.ASSIGNMENT_CHANGE, at=at, notes=notes)
    record(session, actor.clinic, assigned)


def set_owner(lead: Any, actor: Actor, user_id: UUID, *, at: datetime) -> Event:
    """Set the owner of a lead (a `Lead`, or an object with its columns). Returns the event to record."""
    lead.assigned_to_id = user_id
    lead.assigned_at = at
    mark_updated(lead, actor, at)
    mark_activity(lead, at)
    return lead_event(EventName.LEAD_ASSIGNED, lead, at, about={"changed": ["assigned_to_id"]})

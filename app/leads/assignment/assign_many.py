"""Bulk assignment. Each lead gets the same rows and events as a manual assignment."""

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
from app.core.live_events.changes import note_former_owner
from app.core.type_aliases import ColumnDict, JsonDict, JsonObject
from app.engine.events.events import FEW, EventName
from app.engine.service import record
from app.identity.actor import Actor
from app.identity.users.lookup import UsersById, users_by_id
from app.leads.assignment.choose import decide_all, with_source_category
from app.leads.assignment.history_rows import change_note, history_row, rule_columns
from app.leads.assignment.models import AssignmentEntry, AssignmentReason
from app.leads.assignment.owner_changes import OwnerChange, owners_changed
from app.leads.assignment.rules.evaluation import Decision
from app.leads.assignment.rules.roster import Roster
from app.leads.assignment.rules.rules import Rule
from app.leads.events import lead_event
from app.leads.models import Lead
from app.leads.timeline.models import Activity, ActivityType
from app.leads.timeline.rows import activity_row

_CHANGED: Final = ("assigned_to_id", "assigned_at", "updated_at", "updated_by", "last_activity_at", "stale_since")


@dataclass(frozen=True, slots=True)
class AssignmentCause:
    """Time and reason of a bulk assignment; `reason` is free text by a user."""

    at: datetime
    why: AssignmentReason
    reason: str | None = None


def choose_by_rules(
    session: Session, actor: Actor, leads: Sequence[Any], *, rules: Sequence[Rule], roster: Roster
) -> dict[UUID, Decision]:
    """Return the decision for each lead (row) by lead id. Leads without an eligible user are left out."""
    facts = with_source_category(session, actor.clinic, rules, [vars(lead) for lead in leads])
    decisions = decide_all(session, rules, facts, roster)
    return {lead.id: decision for lead, decision in zip(leads, decisions, strict=True) if decision}


def assign_leads(
    session: Session, actor: Actor, leads: Sequence[Any], to: Mapping[UUID, Decision], *, cause: AssignmentCause
) -> None:
    """Assign the leads (locked rows) as `to` says: lead row, history, timeline, audit log and event for each.

    The open tasks of the previous owners move along.
    """
    selected = [lead for lead in leads if lead.id in to]
    if not selected:
        return
    user_ids = {lead.assigned_to_id for lead in selected} | {decision.user_id for decision in to.values()}
    users = users_by_id(session, actor.clinic.id, user_ids)
    changes = [_change(actor, lead, to[lead.id].user_id, at=cause.at) for lead in selected]
    owned = [lead for lead in selected if lead.assigned_to_id]
    owners_changed(
        session, [OwnerChange(lead.id, lead.assigned_to_id, to[lead.id].user_id) for lead in owned], cause.at
    )
    for lead in owned:
        note_former_owner(session, lead.clinic_id, lead.id, lead.assigned_to_id)
    update_many(session, Lead, changes, _CHANGED, also="version = t.version + 1")
    for user_id in {decision.user_id for decision in to.values()}:
        lead_ids = [lead.id for lead in selected if to[lead.id].user_id == user_id]
        audit_log.note_change(session, "lead", lead_ids, act=Act.UPDATE, after={"assigned_to_id": user_id})
    insert_many(session, AssignmentEntry, [_history_row(actor, lead, to[lead.id], cause) for lead in selected])
    notes = [_note_text(lead, to, users, cause) for lead in selected]
    activities = [_activity(actor, lead, note, at=cause.at) for lead, note in zip(selected, notes, strict=True)]
    insert_many(session, Activity, activities)
    changed = (_with_changes(lead, change) for lead, change in zip(selected, changes, strict=True))
    record(
        session,
        actor.clinic,
        *(lead_event(EventName.LEAD_ASSIGNED, lead, cause.at) for lead in changed),
        of_many=len(selected) > FEW,
    )


def _with_changes(lead: Any, change: JsonObject) -> SimpleNamespace:
    return SimpleNamespace(**{**vars(lead), **change, "version": lead.version + 1})


def _history_row(actor: Actor, lead: Any, decision: Decision, cause: AssignmentCause) -> ColumnDict:
    change = {"from_id": lead.assigned_to_id, "to_id": decision.user_id, "by_id": actor.user_id}
    reason = {"why": cause.why, "reason": cause.reason, **rule_columns(decision)}
    return history_row(lead.clinic_id, lead.id, at=cause.at, **change, **reason)


def _note_text(lead: Any, to: Mapping[UUID, Decision], users: UsersById, cause: AssignmentCause) -> str:
    before = users.get(lead.assigned_to_id)
    return change_note(before.name if before else None, users[to[lead.id].user_id].name, cause.reason)


def _activity(actor: Actor, lead: Any, notes: str, *, at: datetime) -> JsonDict:
    kind = ActivityType.ASSIGNMENT_CHANGE
    return activity_row(lead.clinic_id, lead.id, at=at, type=kind, notes=notes, created_by=actor.user_id)


def _change(actor: Actor, lead: Any, user_id: UUID, *, at: datetime) -> JsonDict:
    return {
        "id": lead.id,
        "assigned_to_id": user_id,
        "assigned_at": at,
        "updated_at": at,
        "updated_by": actor.user_id,
        "last_activity_at": max(at, lead.last_activity_at),
        "stale_since": None,
    }

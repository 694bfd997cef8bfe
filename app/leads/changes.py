"""Changing what is known of a lead, and who looks after it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.activities.models import ActivityType
from app.activities.timeline import write_entry
from app.assignment.history import entry, moved
from app.assignment.models import AssignmentEntry, Why
from app.automation.events import EventName
from app.automation.service import record
from app.clock import now
from app.errors import Forbidden
from app.fields.values import merged, require_custom
from app.identity.actor import Actor
from app.identity.permissions import Permission
from app.leads.capture import require_source
from app.leads.facts import lead_event
from app.leads.lookup import open_lead, unlocked_lead
from app.leads.models import Lead, PatientRelationship
from app.leads.people import People, Person, people, require_available
from app.leads.progress import tend, touch
from app.leads.reach import normalise_phones, require_reachable
from app.leads.schemas import PRIVATE
from app.versions import Seen, require_seen


def update_lead(session: Session, actor: Actor, lead_id: UUID, data: Mapping[str, Any], *, seen: Seen = None) -> Lead:
    """Replace the fields in `data` (as `LeadChanges` reads them); those not given stay as they are.

    Raises Forbidden, NotFound, LeadIsLocked, ChangedMeanwhile, Invalid.
    """
    lead = unlocked_lead(session, actor, lead_id)
    require_seen(lead, seen)
    replace(session, actor, lead, data)
    touch(lead, actor, now())
    return lead


def replace(session: Session, actor: Actor, lead: Lead, data: Mapping[str, Any]) -> None:
    """Give a lead that is locked these values. Raises Forbidden, Invalid."""
    _require_may_write(actor, data)
    if data.get("source_id", lead.source_id) != lead.source_id:
        require_source(session, lead.clinic_id, data["source_id"])
    require_custom(session, actor.clinic, data.get("custom", {}), complete=False)
    phones = normalise_phones(data, actor.clinic.region)
    custom = {"custom": merged(lead.custom, data["custom"])} if "custom" in data else {}
    for name, value in {**data, **_names_that_follow(lead, data), **phones, **custom}.items():
        setattr(lead, name, value)
    require_reachable(lead.phone, lead.email, lead.social_handle)


def assign(session: Session, actor: Actor, lead_id: UUID, user_id: UUID, *, reason: str | None = None) -> Lead:
    """Give the lead to an active user of the clinic, absent or not; who has it already keeps it.

    Raises NotFound, LeadIsLocked, LeadIsClosed, Invalid.
    """
    lead = open_lead(session, actor, lead_id)
    if lead.assigned_to_id == user_id:
        return lead
    known = people(session, lead.clinic_id, (lead.assigned_to_id, user_id))
    require_available(known, user_id)
    _hand_over(session, actor, lead, to=known[user_id], known=known, reason=reason)
    return lead


def _hand_over(session: Session, actor: Actor, lead: Lead, *, to: Person, known: People, reason: str | None) -> None:
    at, before = now(), known.get(lead.assigned_to_id) if lead.assigned_to_id else None
    who = {"from_id": lead.assigned_to_id, "to_id": to.id, "by_id": actor.user_id}
    session.add(AssignmentEntry(**entry(lead.clinic_id, lead.id, at=at, why=Why.MANUAL, reason=reason, **who)))
    lead.assigned_to_id = to.id
    lead.assigned_at = at
    touch(lead, actor, at)
    tend(lead, at)
    notes = moved(before.name if before else None, to.name, reason)
    write_entry(session, actor, lead, type=ActivityType.ASSIGNMENT_CHANGE, at=at, notes=notes)
    record(session, actor.clinic, lead_event(EventName.LEAD_ASSIGNED, lead, at))


def _require_may_write(actor: Actor, data: Mapping[str, Any]) -> None:
    """What somebody may not see they do not overwrite. Raises Forbidden."""
    if not actor.allows(Permission.LEAD_PRIVATE) and (names := [name for name in PRIVATE if name in data]):
        raise Forbidden(f"Your role does not allow changing {', '.join(names)}.")


def _names_that_follow(lead: Lead, data: Mapping[str, Any]) -> dict[str, Any]:
    """Who asks for themselves has one name: a correction of it holds for the patient, too."""
    if data.get("patient_relationship", lead.patient_relationship) != PatientRelationship.SELF:
        return {}
    names = ("first_name", "last_name")
    return {f"patient_{name}": data[name] for name in names if name in data and f"patient_{name}" not in data}

"""Taking in a new lead: the busiest write there is, so it is one statement before the engine's own."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import SimpleNamespace
from typing import Any, Final, NoReturn
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.audit.models import Act
from app.clock import now
from app.core.db import new_id, to_json
from app.engine.service import record
from app.errors import Conflict, Forbidden, Invalid
from app.identity.actor import Actor
from app.identity.permissions import Permission, Scope
from app.leads.assignment.choose import choose
from app.leads.assignment.history_rows import NO_RULE, why_first
from app.leads.assignment.models import Why
from app.leads.assignment.people import people, require_available
from app.leads.attribution.models import LeadSource
from app.leads.attribution.touch_models import CaptureChannel
from app.leads.attribution.touch_rows import came_first, first_touch
from app.leads.capture.capture_statement import COLUMNS, capture_statement
from app.leads.contact.phone_numbers import normalise_phones
from app.leads.custom_fields.values import merged, require_custom
from app.leads.duplicates.search import marks_of, told, values_of
from app.leads.errors import DuplicateLead
from app.leads.facts.events import lead_created
from app.leads.lookup import id_made_at
from app.leads.models import Lead, LeadStatus, PatientRelationship, PreferredContact
from app.leads.next_actions.next_follow_up import SHOWN
from app.security.encrypted_fields import fields_of, sealed_row


class OnDuplicate(StrEnum):
    WARN = "warn"
    REFUSE = "refuse"


DEFAULTS: Final[Mapping[str, Any]] = {
    "status": LeadStatus.NEW,
    "patient_relationship": PatientRelationship.SELF,
    "preferred_contact": PreferredContact.PHONE,
    "treatment_interest": [],
    "tags": [],
    "opted_out_channels": [],
    "failed_attempts": 0,
    "version": 1,
}

_NOT_OF_THE_LEAD: Final = frozenset({"on_duplicate", "touch"})
_NOTHING_YET: Final[Mapping[str, Any]] = dict.fromkeys((*COLUMNS, *fields_of(Lead), *SHOWN))


def capture_lead(session: Session, actor: Actor, data: Mapping[str, Any], *, in_full: bool = True) -> Any:
    """Take in a lead from `data`, as `CaptureIn` reads it.

    Returns an object with the columns of its row, `duplicates` and `hidden_duplicates`. Without `assigned_to_id` it
    goes to whom the clinic's rules choose, else to a coordinator in turn, else to an admin; but who sees only what is
    assigned to them keeps what they bring in. Unless `in_full`, it may lack fields of the clinic's own.
    Raises Forbidden, Invalid, DuplicateLead.
    """
    if data.get("assigned_to_id") and not actor.allows(Permission.LEAD_ASSIGN):
        raise Forbidden("Your role does not allow assigning leads.")
    given = {**new_lead(actor, data, at=now()), **_own(actor, data)}
    require_custom(session, actor.clinic, data.get("custom", {}), complete=in_full)
    values = values_of(given)
    refuses = data.get("on_duplicate") == OnDuplicate.REFUSE
    if refuses:
        _one_at_a_time(session, given)
    decided = dict(_insert(session, actor, given, values, details=data.get("touch")))
    found = told(session, actor.within(Permission.LEAD_READ), given, decided.pop("alike"))
    if refuses and found.has_exact:
        raise DuplicateLead(found.as_json())
    audit_log.wrote(session, "lead", [given["id"]], act=Act.CREATE, after=_told(given | decided))
    # A plain object: making and reading a `Lead` that no session tracks costs as much as inserting it.
    lead = SimpleNamespace(
        **{**_NOTHING_YET, **given, **decided},
        duplicates=found.duplicates,
        hidden_duplicates=found.hidden_duplicates,
    )
    record(session, actor.clinic, lead_created(lead, lead.created_at))
    return lead


def new_lead(actor: Actor, data: Mapping[str, Any], *, at: datetime) -> dict[str, Any]:
    """The columns of a lead taken in at `at`, but for its stage and its coordinator. Raises Invalid."""
    of_lead = {name: value for name, value in data.items() if name not in _NOT_OF_THE_LEAD}
    return {
        **DEFAULTS,
        "patient_first_name": data["first_name"],
        "patient_last_name": data["last_name"],
        "capture_channel": channel_of(actor),
        **of_lead,
        **normalise_phones(data, actor.clinic.region),
        "custom": merged({}, data.get("custom", {})),
        **came_first(new_id(), data["source_id"], at),
        "id": id_made_at(at),
        "clinic_id": actor.clinic.id,
        "stage_entered_at": at,
        "last_activity_at": at,
        "created_at": at,
        "updated_at": at,
        "created_by": actor.user_id,
        "updated_by": actor.user_id,
    }


def channel_of(actor: Actor) -> CaptureChannel:
    """The channel where nobody says one."""
    return CaptureChannel.API if actor.api_key_id else CaptureChannel.MANUAL


def require_source(session: Session, clinic_id: UUID, source_id: UUID) -> None:
    """Raises Invalid where it is none of the clinic's active sources."""
    source = select(LeadSource.id).where(
        LeadSource.id == source_id, LeadSource.clinic_id == clinic_id, LeadSource.is_active
    )
    if session.scalar(source) is None:
        raise Invalid.at("/source_id", "Must be an active source of your clinic.")


def _own(actor: Actor, data: Mapping[str, Any]) -> dict[str, Any]:
    """Else they would never see it again."""
    sees_own = actor.permissions.get(Permission.LEAD_READ) is Scope.ASSIGNED
    return {"assigned_to_id": actor.user_id} if sees_own and not data.get("assigned_to_id") else {}


def _insert(
    session: Session,
    actor: Actor,
    given: Mapping[str, Any],
    values: Mapping[str, str],
    *,
    details: Mapping[str, Any] | None,
) -> Mapping[str, Any]:
    parameters = {
        "rows": to_json([sealed_row(Lead, given)]),
        "touches": to_json([first_touch(given, details)]),
        "turn": given["id"].int % 2**31,
        "note": new_id(),
        "clinic": given["clinic_id"],
        "stale_after_days": actor.clinic.stale_after_days,
        **_choice(session, actor, given),
        **marks_of(given["clinic_id"], values),
    }
    decided = session.connection().execute(capture_statement(frozenset(values)), parameters).mappings().one_or_none()
    if decided is None:
        _explain(session, given)
    return decided  # type: ignore[return-value]


def _choice(session: Session, actor: Actor, given: Mapping[str, Any]) -> dict[str, Any]:
    """Whom a rule chooses for it, where nobody is named and a rule does, and what is noted down about it."""
    if given.get("assigned_to_id"):
        return {"chosen": None, "in_turn": False, "by": actor.user_id, "why": Why.MANUAL, **NO_RULE}
    [decision], in_turn = choose(session, actor.clinic, [given], at=given["created_at"])
    return {"chosen": decision and decision.user_id, "in_turn": in_turn, "by": None, **why_first(decision)}


def _one_at_a_time(session: Session, given: Mapping[str, Any]) -> None:
    """Two who refuse duplicates and bring the same phone at once: the second one finds the first."""
    ways = sorted({given[name].lower() for name in ("phone", "phone_alt", "email") if given.get(name)})
    session.execute(_LOCK, {"ways": [f"{given['clinic_id']} {way}" for way in ways]})


_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(way, 0)) FROM unnest(CAST(:ways AS text[])) AS way")


def _told(lead: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in lead.items() if value is not None}


def _explain(session: Session, given: Mapping[str, Any]) -> NoReturn:
    """Nothing was inserted: find out why."""
    require_source(session, given["clinic_id"], given["source_id"])
    if chosen := given.get("assigned_to_id"):
        require_available(people(session, given["clinic_id"], [chosen]), chosen)
    raise Conflict("The clinic has no stage that a lead could begin in.")

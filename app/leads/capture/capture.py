"""Lead capture.

This is the busiest write path, so one SQL statement inserts the lead, its touch and its history (`capture_statement`).
"""

from datetime import datetime
from types import SimpleNamespace
from typing import Any, Final, NoReturn

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.audit.models import Act
from app.clock import now
from app.core.database.arrays import integer_array
from app.core.database.driver_sql import execute_driver_sql
from app.core.db import new_id, to_json
from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation.check_all import check_all
from app.engine.service import record
from app.errors import Conflict
from app.identity.actor import Actor
from app.identity.permissions import Permission, Scope
from app.identity.users.lookup import require_assignable, require_named_assignee, users_by_id
from app.leads.assignment.choose import choose_assignees
from app.leads.assignment.history_rows import NO_RULE, first_assignment_reason
from app.leads.assignment.models import AssignmentReason
from app.leads.assignment.rotation import turn_of
from app.leads.attribution.sources import require_source
from app.leads.attribution.touch_rows import first_touch_columns, first_touch_row
from app.leads.attribution.touches import default_channel
from app.leads.capture.capture_statement import COLUMNS, capture_statement, columns_to_read
from app.leads.contact.email_aliases import main_address
from app.leads.contact.phone_numbers import PHONE_FIELDS, normalise_phones, require_phones
from app.leads.custom_fields.values import merge_custom_values, require_valid_custom_values
from app.leads.duplicates.known_leads import share_capture_lock
from app.leads.duplicates.search import comparison_parameters, comparison_values, find_duplicates
from app.leads.enums import LeadStatus, OnDuplicate
from app.leads.errors import DuplicateLead
from app.leads.events import lead_created
from app.leads.fields import DEFAULTS
from app.leads.models import LEGAL_HOLD, Lead
from app.leads.scoring.first_score import first_score
from app.leads.scoring.parts import Score
from app.leads.search.by_text.keys import lead_keys
from app.leads.search.lookup import new_lead_id
from app.leads.search.next_follow_up import NEXT_FOLLOW_UP_FIELDS
from app.security.encrypted_fields import encrypt_row, encrypted_fields_of

NEW_LEAD: Final[JsonObject] = {
    **DEFAULTS,
    "status": LeadStatus.NEW,
    "past_stages": [],
    "past_stage_seconds": [],
    "opted_out_channels": [],
    "failed_attempts": 0,
    "version": 1,
}

_NOT_COLUMNS: Final = frozenset({"on_duplicate", "touch"})
_EMPTY_LEAD: Final[JsonObject] = dict.fromkeys(
    (*COLUMNS, *encrypted_fields_of(Lead), *NEXT_FOLLOW_UP_FIELDS, LEGAL_HOLD)
)


def capture_lead(session: Session, actor: Actor, data: JsonObject, *, in_full: bool = True) -> Any:
    """Create a lead from `data`, the fields of CaptureIn.

    If `assigned_to_id` is missing, assignment rules choose the coordinator. The fallback is round robin over
    coordinators, then admins. A caller with scope `assigned` who may work on leads owns the leads they create. Required
    custom fields are checked only if `in_full`. Returns an object with the lead's columns, `duplicates` and
    `hidden_duplicates`. Raises Forbidden, Invalid, Conflict, DuplicateLead.
    """
    if data.get("assigned_to_id"):
        actor.require(Permission.LEAD_ASSIGN)
    given = {**new_lead_values(actor, data, at=now()), **_default_owner(actor, data)}
    require_valid_custom_values(session, actor.clinic, data.get("custom", {}), complete=in_full)
    score = first_score(session, actor.clinic, given, at=given["created_at"])
    given["score"] = score.shown
    values = comparison_values(given)
    refuses = data.get("on_duplicate") == OnDuplicate.REFUSE
    if refuses:
        _lock_contact_values(session, given)
    decided = _insert(session, actor, given, values, score=score, details=data.get("touch"))
    found = find_duplicates(session, actor.within(Permission.LEAD_READ), given, decided.pop("alike"))
    if refuses and found.has_exact:
        raise DuplicateLead(found.as_json())
    audit_log.note_change(session, "lead", [given["id"]], act=Act.CREATE, after=_not_null(given | decided))
    # Not a `Lead`: an ORM object outside a session costs as much time as the insert.
    lead = SimpleNamespace(
        **{**_EMPTY_LEAD, **given, **decided},
        duplicates=found.duplicates,
        hidden_duplicates=found.hidden_duplicates,
    )
    record(session, actor.clinic, lead_created(lead, lead.created_at))
    return lead


def check_new_lead(session: Session, actor: Actor, data: JsonObject, /, *, in_full: bool = True, **_: object) -> None:
    """Check what the schema of a new lead cannot: source, assignee, phone numbers, custom fields. Raises Invalid."""
    check_all(
        lambda: require_source(session, actor.clinic.id, data["source_id"]),
        lambda: require_phones(data, actor.clinic.region),
        lambda: require_valid_custom_values(session, actor.clinic, data.get("custom", {}), complete=in_full),
        lambda: require_named_assignee(session, actor, data),
    )


def new_lead_values(actor: Actor, data: JsonObject, *, at: datetime) -> JsonDict:
    """Return the columns of a lead created at `at`, except its stage and coordinator. Raises Invalid."""
    of_lead = {name: value for name, value in data.items() if name not in _NOT_COLUMNS}
    return {
        **NEW_LEAD,
        "patient_first_name": data["first_name"],
        "patient_last_name": data["last_name"],
        "capture_channel": default_channel(actor),
        **of_lead,
        **normalise_phones(data, actor.clinic.region),
        "custom": merge_custom_values({}, data.get("custom", {})),
        "captured_interest": data.get("treatment_interest", []),
        **first_touch_columns(new_id(), data["source_id"], at),
        "id": new_lead_id(at),
        "clinic_id": actor.clinic.id,
        "stage_entered_at": at,
        "last_activity_at": at,
        "created_at": at,
        "updated_at": at,
        "created_by": actor.user_id,
        "updated_by": actor.user_id,
    }


def _default_owner(actor: Actor, data: JsonObject) -> JsonDict:
    """Make a caller with scope `assigned` the owner, because they could not see the lead otherwise."""
    sees_own = actor.permissions.get(Permission.LEAD_READ) is Scope.ASSIGNED
    may_own = sees_own and actor.allows(Permission.LEAD_UPDATE)
    return {"assigned_to_id": actor.user_id} if may_own and not data.get("assigned_to_id") else {}


def _insert(
    session: Session,
    actor: Actor,
    given: JsonObject,
    values: JsonObject,
    *,
    score: Score,
    details: JsonObject | None,
) -> JsonDict:
    row, compared = encrypt_row(Lead, given), comparison_parameters(given["clinic_id"], values)
    touch = {"touches": to_json([first_touch_row(given, details)])} if details else {}
    parameters = {
        "rows": to_json([columns_to_read(row)]),
        "keys": integer_array(lead_keys(given["clinic_id"], given)),
        **touch,
        "score": score.shown,
        "adjustment": score.adjustment,
        "score_basis": score.basis,
        "score_parts": to_json(score.stored_parts()),
        "turn": turn_of(given["id"]),
        "note": new_id(),
        "clinic": given["clinic_id"],
        "stale_after_days": actor.clinic.stale_after_days,
        **_choice(session, actor, given),
        **compared,
    }
    statement = capture_statement(frozenset(compared), with_touch=bool(details))
    inserted = execute_driver_sql(session, statement, parameters)
    if not inserted:
        _raise_refusal(session, given)
    decided: JsonDict = inserted[0]._asdict()
    return decided


def _choice(session: Session, actor: Actor, given: JsonObject) -> JsonDict:
    """Return the assignment parameters of the statement: the user chosen by a rule, and the reason."""
    if given.get("assigned_to_id"):
        return {"chosen": None, "in_turn": False, "by": actor.user_id, "why": AssignmentReason.MANUAL, **NO_RULE}
    [decision], in_turn = choose_assignees(session, actor.clinic, [given], at=given["created_at"])
    return {
        "chosen": decision and decision.user_id,
        "in_turn": in_turn,
        "by": None,
        **first_assignment_reason(decision),
    }


def _lock_contact_values(session: Session, given: JsonObject) -> None:
    """Serialize captures with `on_duplicate=refuse` that share a phone number or address.

    So the second request finds the lead of the first. Jobs that look for the leads of their rows wait, too.
    """
    share_capture_lock(session, given["clinic_id"])
    values = {given[name] for name in PHONE_FIELDS if given.get(name)}
    if email := given.get("email"):
        values.add(main_address(email))
    session.execute(_LOCK, {"ways": [f"{given['clinic_id']} {value}" for value in sorted(values)]})


_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(way, 0)) FROM unnest(CAST(:ways AS text[])) AS way")


def _not_null(lead: JsonObject) -> JsonDict:
    return {name: value for name, value in lead.items() if value is not None}


def _raise_refusal(session: Session, given: JsonObject) -> NoReturn:
    """Raise the reason why the statement inserted nothing."""
    require_source(session, given["clinic_id"], given["source_id"])
    if chosen := given.get("assigned_to_id"):
        require_assignable(users_by_id(session, given["clinic_id"], [chosen]), chosen)
    raise Conflict("The clinic has no stage for new leads.")

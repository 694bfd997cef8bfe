"""Taking in a new lead: the busiest write there is, so it is one statement before the engine's own.

Its first touch is written, and who may be the same person looked up, by that statement, too.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, Final, NoReturn
from uuid import UUID

from sqlalchemy import TextualSelect, column, select, text
from sqlalchemy.orm import Session

from app.automation.events import EventName
from app.automation.service import record
from app.clock import now
from app.db import new_id, recordset, to_json
from app.errors import Conflict, Forbidden, Invalid
from app.fields.values import merged, require_custom
from app.identity.actor import Actor
from app.identity.permissions import Permission
from app.leads.duplicates import lookup, told, values_of
from app.leads.errors import DuplicateLead
from app.leads.facts import lead_event
from app.leads.lookup import id_made_at
from app.leads.models import Lead, LeadStatus, PatientRelationship, PreferredContact
from app.leads.people import people, require_available
from app.leads.reach import normalise_phones
from app.sources.models import LeadSource
from app.touches.models import CaptureChannel, Touch
from app.touches.rows import came_first, first_touch


class OnDuplicate(StrEnum):
    WARN = "warn"
    REFUSE = "refuse"


DEFAULTS: Final[Mapping[str, Any]] = {
    "status": LeadStatus.NEW,
    "patient_relationship": PatientRelationship.SELF,
    "preferred_contact": PreferredContact.PHONE,
    "treatment_interest": [],
    "tags": [],
    "failed_attempts": 0,
    "version": 1,
}

_COLUMNS: Final = [column.name for column in Lead.__table__.columns]
_OF_TOUCH: Final = [column.name for column in Touch.__table__.columns]
_NOT_OF_THE_LEAD: Final = frozenset({"on_duplicate", "touch"})
_NOTHING_YET: Final[Mapping[str, Any]] = dict.fromkeys(_COLUMNS)
_DECIDED_HERE: Final[Mapping[str, str]] = {
    "pipeline_stage": "stage.slug",
    "assigned_to_id": "coordinator.id",
    "assigned_at": "CASE WHEN coordinator.id IS NOT NULL THEN given.created_at END",
}

# The source is the clinic's, the stage is its first, the coordinator is the one who was chosen or whose turn it is:
# checked and found by the insert itself. No row comes back when the source or the chosen one is not the clinic's.
# (OFFSET 0: looked for once, not wherever it is read.)
_INSERT: Final = f"""
    INSERT INTO leads ({", ".join(_COLUMNS)})
    SELECT {", ".join(_DECIDED_HERE.get(name, f"given.{name}") for name in _COLUMNS)}
    FROM {recordset(Lead, _COLUMNS, alias="given")}
    JOIN lead_sources source
      ON source.id = given.source_id AND source.clinic_id = given.clinic_id AND source.is_active
    CROSS JOIN LATERAL (
        SELECT slug FROM pipeline_stages WHERE clinic_id = given.clinic_id
        ORDER BY is_default DESC, position LIMIT 1
    ) AS stage
    CROSS JOIN LATERAL (
        SELECT CASE WHEN given.assigned_to_id IS NOT NULL THEN (
            SELECT id FROM users WHERE id = given.assigned_to_id AND clinic_id = given.clinic_id AND is_active
        ) ELSE (
            SELECT team[1 + :turn % cardinality(team)] FROM (
                SELECT array_agg(id ORDER BY id) AS team FROM users
                WHERE clinic_id = given.clinic_id AND role = 'treatment_coordinator' AND is_active
            ) AS coordinators
        ) END AS id OFFSET 0
    ) AS coordinator
    WHERE given.assigned_to_id IS NULL OR coordinator.id IS NOT NULL
    RETURNING pipeline_stage, assigned_to_id, assigned_at
"""  # noqa: S608  (the names are the model's)
_TOUCH: Final = f"""
    INSERT INTO lead_touches ({", ".join(_OF_TOUCH)})
    SELECT {", ".join(f"touch.{name}" for name in _OF_TOUCH)}
    FROM {recordset(Touch, _OF_TOUCH, alias="touch").replace(":rows", ":touches")}, lead
"""  # noqa: S608  (as above)
_DECIDED: Final = ("pipeline_stage", "assigned_to_id", "assigned_at", "alike")


@lru_cache(maxsize=16)
def _capture(values: frozenset[str]) -> TextualSelect:
    """What a part of a statement has written no other part of it sees: the lead is not found to be like itself."""
    alike = "coalesce(json_agg(json_build_array(id, by, first_name, last_name)), '[]')"
    return text(
        f"WITH lead AS ({_INSERT}), touched AS ({_TOUCH}), found AS ({lookup(values)})"  # noqa: S608  (as above)
        f" SELECT lead.*, (SELECT {alike} FROM found) AS alike FROM lead"
    ).columns(*map(column, _DECIDED))


def capture_lead(session: Session, actor: Actor, data: Mapping[str, Any], *, in_full: bool = True) -> Any:
    """Take in a lead from `data`, as `CaptureIn` reads it.

    Returns an object with the columns of its row, `duplicates` and `hidden_duplicates`. Without `assigned_to_id` it
    goes to a coordinator of the clinic, in turn. Unless `in_full`, it may lack fields of the clinic's own.
    Raises Forbidden, Invalid, DuplicateLead.
    """
    if data.get("assigned_to_id") and not actor.allows(Permission.LEAD_ASSIGN):
        raise Forbidden("Your role does not allow assigning leads.")
    given = new_lead(actor, data, at=now())
    require_custom(session, actor.clinic, data.get("custom", {}), complete=in_full)
    values = values_of(given)
    refuses = data.get("on_duplicate") == OnDuplicate.REFUSE
    if refuses:
        _one_at_a_time(session, given)
    decided = dict(_insert(session, given, values, details=data.get("touch")))
    found = told(session, actor, given, decided.pop("alike"))
    if refuses and found.has_exact:
        raise DuplicateLead(found.as_json())
    # A plain object: making and reading a `Lead` that no session tracks costs as much as inserting it.
    lead = SimpleNamespace(
        **{**_NOTHING_YET, **given, **decided},
        duplicates=found.duplicates,
        hidden_duplicates=found.hidden_duplicates,
    )
    record(session, actor.clinic, lead_event(EventName.LEAD_CREATED, lead, lead.created_at, key=""))
    return lead


def _insert(
    session: Session, given: Mapping[str, Any], values: Mapping[str, str], *, details: Mapping[str, Any] | None
) -> Mapping[str, Any]:
    parameters = {
        "rows": to_json([given]),
        "touches": to_json([first_touch(given, details)]),
        "turn": given["id"].int % 2**31,
        "clinic": given["clinic_id"],
        **values,
    }
    decided = session.connection().execute(_capture(frozenset(values)), parameters).mappings().one_or_none()
    if decided is None:
        _explain(session, given)
    return decided  # type: ignore[return-value]


def _one_at_a_time(session: Session, given: Mapping[str, Any]) -> None:
    """Two who refuse duplicates and bring the same phone at once: the second one finds the first."""
    ways = sorted({given[name].lower() for name in ("phone", "phone_alt", "email") if given.get(name)})
    session.execute(_LOCK, {"ways": [f"{given['clinic_id']} {way}" for way in ways]})


_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(way, 0)) FROM unnest(CAST(:ways AS text[])) AS way")


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


def _explain(session: Session, given: Mapping[str, Any]) -> NoReturn:
    """Nothing was inserted: find out why."""
    require_source(session, given["clinic_id"], given["source_id"])
    if chosen := given.get("assigned_to_id"):
        require_available(people(session, given["clinic_id"], [chosen]), chosen)
    raise Conflict("The clinic has no stage that a lead could begin in.")

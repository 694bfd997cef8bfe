"""Taking in a new lead: the busiest write there is, so it is one statement before the engine's own."""

from collections.abc import Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Final, NoReturn
from uuid import UUID

from sqlalchemy import column, select, text
from sqlalchemy.orm import Session

from app.assignment.choosing import choose
from app.assignment.history import NO_RULE, why_first
from app.assignment.models import Why
from app.audit import trail
from app.audit.models import Act
from app.automation.events import EventName
from app.automation.service import record
from app.clock import now
from app.db import new_id, recordset, to_json
from app.errors import Conflict, Forbidden, Invalid
from app.identity.actor import Actor
from app.identity.permissions import Permission
from app.leads.facts import lead_event
from app.leads.lookup import id_made_at
from app.leads.models import Lead, LeadStatus, PatientRelationship, PreferredContact
from app.leads.people import people, require_available
from app.leads.reach import normalise_phones
from app.sources.models import LeadSource

DEFAULTS: Final[Mapping[str, Any]] = {
    "status": LeadStatus.NEW,
    "patient_relationship": PatientRelationship.SELF,
    "preferred_contact": PreferredContact.PHONE,
    "treatment_interest": [],
    "failed_attempts": 0,
    "version": 1,
}

_COLUMNS: Final = [column.name for column in Lead.__table__.columns]
_NOTHING_YET: Final[Mapping[str, Any]] = dict.fromkeys(_COLUMNS)
_DECIDED_HERE: Final[Mapping[str, str]] = {
    "pipeline_stage": "stage.slug",
    "assigned_to_id": "coordinator.id",
    "assigned_at": "CASE WHEN coordinator.id IS NOT NULL THEN given.created_at END",
}

# The source is the clinic's, the stage is its first, the coordinator is the one who was named, or whom a rule chose, or
# whose turn it is: checked and found by the insert itself, which notes down why, too. No row comes back when the source
# or the one who was named is not the clinic's. (OFFSET 0: looked for once, not wherever it is read.)
_CAPTURE: Final = text(f"""
    WITH captured AS (
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
            ) WHEN CAST(:chosen AS uuid) IS NOT NULL THEN :chosen WHEN :in_turn THEN (
                SELECT team[1 + :turn % cardinality(team)] FROM (
                    SELECT coalesce(
                        array_agg(id ORDER BY id) FILTER (WHERE role = 'treatment_coordinator'),
                        array_agg(id ORDER BY id)
                    ) AS team FROM users
                    WHERE clinic_id = given.clinic_id AND role IN ('treatment_coordinator', 'clinic_admin')
                      AND is_active AND NOT EXISTS (
                        SELECT 1 FROM absences WHERE user_id = users.id
                        AND starts_at <= given.created_at AND ends_at > given.created_at
                      )
                ) AS those_there
            ) END AS id OFFSET 0
        ) AS coordinator
        WHERE given.assigned_to_id IS NULL OR coordinator.id IS NOT NULL
        RETURNING id, clinic_id, pipeline_stage, assigned_to_id, assigned_at
    ), noted AS (
        INSERT INTO assignment_history (lead_id, id, clinic_id, to_id, by_id, why, rule_id, rule_name, at)
        SELECT id, :note, clinic_id, assigned_to_id, CAST(:by AS uuid), :why, CAST(:rule_id AS uuid), :rule_name,
            assigned_at
        FROM captured WHERE assigned_to_id IS NOT NULL
    )
    SELECT pipeline_stage, assigned_to_id, assigned_at FROM captured
""").columns(*map(column, ("pipeline_stage", "assigned_to_id", "assigned_at")))  # noqa: S608  (the names are the model's)


def capture_lead(session: Session, actor: Actor, data: Mapping[str, Any]) -> Any:
    """Take in a lead from `data`, as `LeadIn` reads it; returns an object with the columns of its row.

    Without `assigned_to_id` it goes to whom the clinic's rules choose, else to a coordinator in turn, else to an admin.
    Raises Forbidden, Invalid.
    """
    if data.get("assigned_to_id") and not actor.allows(Permission.LEAD_ASSIGN):
        raise Forbidden("Your role does not allow assigning leads.")
    given = new_lead(actor, data, at=now())
    row = {
        "rows": to_json([given]),
        "turn": given["id"].int % 2**31,
        "note": new_id(),
        **_choice(session, actor, given),
    }
    decided = session.connection().execute(_CAPTURE, row).mappings().one_or_none()
    if decided is None:
        _explain(session, given)
    # A plain object: making and reading a `Lead` that no session tracks costs as much as inserting it.
    lead = SimpleNamespace(**{**_NOTHING_YET, **given, **decided})
    trail.wrote(session, "lead", [lead.id], act=Act.CREATE, after=_given(lead))
    record(session, actor.clinic, lead_event(EventName.LEAD_CREATED, lead, lead.created_at, key=""))
    return lead


def _given(lead: SimpleNamespace) -> dict[str, Any]:
    return {name: value for name, value in vars(lead).items() if value is not None}


def new_lead(actor: Actor, data: Mapping[str, Any], *, at: datetime) -> dict[str, Any]:
    """The columns of a lead taken in at `at`, but for its stage and its coordinator. Raises Invalid."""
    return {
        **DEFAULTS,
        "patient_first_name": data["first_name"],
        "patient_last_name": data["last_name"],
        **data,
        **normalise_phones(data, actor.clinic.region),
        "id": id_made_at(at),
        "clinic_id": actor.clinic.id,
        "stage_entered_at": at,
        "last_activity_at": at,
        "created_at": at,
        "updated_at": at,
        "created_by": actor.user_id,
        "updated_by": actor.user_id,
    }


def _choice(session: Session, actor: Actor, given: Mapping[str, Any]) -> dict[str, Any]:
    """Whom a rule chooses for it, where nobody is named and a rule does, and what is noted down about it."""
    if given.get("assigned_to_id"):
        return {"chosen": None, "in_turn": False, "by": actor.user_id, "why": Why.MANUAL, **NO_RULE}
    [decision], in_turn = choose(session, actor.clinic, [given], at=given["created_at"])
    return {"chosen": decision and decision.user_id, "in_turn": in_turn, "by": None, **why_first(decision)}


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

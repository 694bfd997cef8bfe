"""Bulk capture: create the new leads of a job chunk together, with the same result as `capture_lead`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from types import SimpleNamespace
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.audit.models import Act
from app.core.db import insert_many
from app.core.type_aliases import ColumnDict, ColumnValues, JsonDict, JsonObject
from app.core.validation.check_all import InvalidFields, check_all, with_errors_of
from app.errors import Invalid
from app.identity.actor import Actor
from app.identity.clinic_context import ClinicContext
from app.identity.permissions import Permission
from app.identity.users.lookup import MUST_BE_ASSIGNABLE, ActiveUser
from app.leads.assignment.choose import choose_assignees, default_team
from app.leads.assignment.history_rows import first_assignment_reason, history_row
from app.leads.assignment.models import AssignmentEntry, AssignmentReason
from app.leads.assignment.rotation import next_in_rotation
from app.leads.attribution.models import LeadSource
from app.leads.attribution.touch_models import Touch
from app.leads.attribution.touch_rows import first_touch_row
from app.leads.capture.capture import new_lead_values
from app.leads.capture.capture_statement import COLUMNS
from app.leads.capture.lead_validation import read_new_lead
from app.leads.contact.phone_numbers import require_phones
from app.leads.custom_fields.values import Definitions, definitions_of, validate_custom_values
from app.leads.enums import CaptureChannel
from app.leads.models import Lead
from app.leads.pipeline.rotting import Limits, rotting_date, rotting_limits
from app.leads.pipeline.service import first_stage
from app.leads.scoring.first_score import first_score, score_row
from app.leads.scoring.models import LeadScore
from app.leads.search.by_text.index import index_new
from app.security.encrypted_fields import encrypt_row, encrypted_fields_of

_EMPTY: Final[JsonObject] = dict.fromkeys((*COLUMNS, *encrypted_fields_of(Lead)))


@dataclass(frozen=True, slots=True)
class CaptureContext:
    """Clinic data that every new lead of a chunk needs."""

    actor: Actor
    sources: frozenset[UUID]
    first_stage: str | None
    limits: Limits  # rotting limits of that stage
    staff: Mapping[UUID, ActiveUser]
    may_assign: bool
    definitions: Definitions  # custom fields of the clinic


class NewLead(NamedTuple):
    """A new lead with the columns that are set, its row of `leads` with encrypted fields, and its first touch."""

    lead: JsonDict
    row: ColumnDict
    touch: JsonObject

    def to_object(self) -> SimpleNamespace:
        """Return the lead as an object with every column."""
        return SimpleNamespace(**{**_EMPTY, **self.lead})


def load_capture_context(
    session: Session, clinic: ClinicContext, staff: Mapping[UUID, ActiveUser], *, by: UUID | None, may_assign: bool
) -> CaptureContext:
    """Load the data that all new leads of a chunk share. `by` is the user who created the job."""
    first = first_stage(session, clinic.id)
    sources = select(LeadSource.id).where(LeadSource.clinic_id == clinic.id, LeadSource.is_active)
    return CaptureContext(
        actor=replace(Actor.system(clinic), user_id=by),
        sources=frozenset(session.scalars(sources)),
        first_stage=first,
        limits=rotting_limits(session, clinic, first),
        staff=staff,
        may_assign=may_assign,
        definitions=definitions_of(session, clinic),
    )


def read_new_leads(
    given: Iterable[tuple[int, JsonObject]], context: CaptureContext, *, at: datetime
) -> tuple[dict[int, NewLead], dict[int, str]]:
    """Return the rows to insert, and the errors of invalid leads, both by item position."""
    new: dict[int, NewLead] = {}
    mistakes: dict[int, str] = {}
    for position, lead in given:
        try:
            new[position] = _new_lead(lead, context, at)
        except Invalid as mistake:
            mistakes[position] = "; ".join(f"{error.pointer}: {error.message}" for error in mistake.errors)
    return new, mistakes


def insert_leads(session: Session, context: CaptureContext, new: Sequence[NewLead], *, at: datetime) -> None:
    """Assign and score the leads, and insert them with their search keys, first touches and assignment history."""
    history = _assign(session, context.actor, new, at=at)
    scores = _score(session, context.actor.clinic, new, at=at)
    used = frozenset[str]().union(*(one.row for one in new))
    insert_many(session, Lead, [one.row for one in new], columns=tuple(name for name in COLUMNS if name in used))
    index_new(session, (one.lead for one in new))
    insert_many(session, Touch, [one.touch for one in new])
    insert_many(session, LeadScore, scores)
    insert_many(session, AssignmentEntry, history)
    audit_log.note_change(session, "lead", [one.lead["id"] for one in new], act=Act.CREATE, after={})


def _score(session: Session, clinic: ClinicContext, new: Sequence[NewLead], *, at: datetime) -> list[ColumnDict]:
    """Set the first score of each lead, and return its row."""
    scores = [first_score(session, clinic, one.lead, at=at) for one in new]
    for one, score in zip(new, scores, strict=True):
        one.lead["score"] = one.row["score"] = score.shown
    return [
        score_row(one.lead["id"], one.lead["clinic_id"], score, at=at) for one, score in zip(new, scores, strict=True)
    ]


def _assign(session: Session, actor: Actor, new: Sequence[NewLead], *, at: datetime) -> list[JsonDict]:
    """Set the assignee of leads that name none, as `capture_lead` does. Return the history rows of all leads."""
    by_hand = {"why": AssignmentReason.MANUAL, "by_id": actor.user_id}
    history = [_history_row(one.lead, at, **by_hand) for one in new if one.lead.get("assigned_to_id")]
    unnamed = [one for one in new if not one.lead.get("assigned_to_id")]
    decisions, fallback_round_robin = choose_assignees(session, actor.clinic, [one.lead for one in unnamed], at=at)
    team = default_team(session, actor.clinic.id, at=at) if fallback_round_robin else ()
    for one, decision in zip(unnamed, decisions, strict=True):
        user_id = decision.user_id if decision else next_in_rotation(one.lead["id"], team)
        if user_id:
            for row in (one.lead, one.row):
                row |= {"assigned_to_id": user_id, "assigned_at": at}
            history.append(_history_row(one.lead, at, **first_assignment_reason(decision)))
    return history


def _history_row(row: ColumnValues, at: datetime, **why: object) -> ColumnDict:
    return history_row(row["clinic_id"], row["id"], at=at, to_id=row["assigned_to_id"], **why)


def _new_lead(lead: JsonObject, context: CaptureContext, at: datetime) -> NewLead:
    """Read a lead. All checks run again for an invalid one only. Raises Invalid with every error."""
    data: JsonObject = {}
    try:
        data = read_new_lead(lead)
        row = _row(data, context, at)
    except InvalidFields as found:
        raise with_errors_of(partial(_check_all, found.valid, context), found) from None
    except Invalid as found:
        raise with_errors_of(partial(_check_all, data, context), found) from None
    return NewLead(row, encrypt_row(Lead, row), first_touch_row(row, data.get("touch")))


def _check_all(data: JsonObject, context: CaptureContext) -> None:
    check_all(lambda: _check(data, context), lambda: require_phones(data, context.actor.clinic.region))


def _row(data: JsonObject, context: CaptureContext, at: datetime) -> ColumnDict:
    _check(data, context)
    row = new_lead_values(context.actor, {"capture_channel": CaptureChannel.IMPORT, **data}, at=at)
    row["pipeline_stage"] = context.first_stage
    row["rots_at"], row["rotting_reason"] = rotting_date(at, at, context.limits)
    row["assigned_at"] = at if data.get("assigned_to_id") else None
    return row


def _check(data: JsonObject, context: CaptureContext) -> None:
    """Check what the schema `LeadIn` cannot: custom fields, source, stage, assignee. Raises Invalid."""
    check_all(
        lambda: _require_source(data, context),
        lambda: validate_custom_values(context.definitions, data.get("custom", {})),
        lambda: _require_assignee(data, context),
    )
    if context.first_stage is None:
        raise Invalid.at("", "The clinic has no stage for new leads.")


def _require_source(data: JsonObject, context: CaptureContext) -> None:
    if data["source_id"] not in context.sources:
        raise Invalid.at("/source_id", "Must be an active source of your clinic.")


def _require_assignee(data: JsonObject, context: CaptureContext) -> None:
    if (chosen := data.get("assigned_to_id")) is None:
        return
    if not context.may_assign:
        raise Invalid.at("/assigned_to_id", f"This needs the permission {Permission.LEAD_ASSIGN}.")
    if chosen not in context.staff or not context.staff[chosen].may_work:
        raise Invalid.at("/assigned_to_id", MUST_BE_ASSIGNABLE)

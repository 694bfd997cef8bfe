"""Items that bring a new lead along: all those of a chunk taken in together, as `capture_lead` takes in one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.audit.models import Act
from app.core.db import insert_many
from app.errors import Invalid
from app.identity.actor import Actor
from app.identity.clinic_context import ClinicContext
from app.leads.assignment.choose import choose, default_team
from app.leads.assignment.history_rows import entry, why_first
from app.leads.assignment.models import AssignmentEntry, Why
from app.leads.assignment.staff import Staff
from app.leads.attribution.models import LeadSource
from app.leads.attribution.touch_models import CaptureChannel, Touch
from app.leads.attribution.touch_rows import first_touch
from app.leads.capture.capture import new_lead
from app.leads.capture.capture_statement import COLUMNS
from app.leads.capture.reading import read_new_lead
from app.leads.custom_fields.values import Definitions, definitions_of, refuse_custom
from app.leads.models import Lead
from app.leads.pipeline.rotting import Limits, limits_of, rots
from app.leads.pipeline.service import first_stage
from app.security.encrypted_fields import fields_of, sealed_row

_COLUMNS: Final = (*COLUMNS, *fields_of(Lead))


@dataclass(frozen=True, slots=True)
class Intake:
    """What the clinic's new leads have in common: where they may come from, where they begin, who takes turns."""

    actor: Actor
    sources: frozenset[UUID]
    first_stage: str | None
    limits: Limits  # how long is too long, in that stage
    staff: Staff
    may_assign: bool
    definitions: Definitions  # of the clinic's own fields


class Newcomer(NamedTuple):
    """A new lead as two rows: its own, and that of its first touch."""

    lead: dict[str, Any]
    touch: Mapping[str, Any]


def intake(session: Session, clinic: ClinicContext, staff: Staff, *, by: UUID | None, may_assign: bool) -> Intake:
    """Read once for a chunk what every new lead needs. `by` is the user who asked for the job."""
    first = first_stage(session, clinic.id)
    sources = select(LeadSource.id).where(LeadSource.clinic_id == clinic.id, LeadSource.is_active)
    return Intake(
        actor=replace(Actor.system(clinic), user_id=by),
        sources=frozenset(session.scalars(sources)),
        first_stage=first,
        limits=limits_of(session, clinic, first),
        staff=staff,
        may_assign=may_assign,
        definitions=definitions_of(session, clinic),
    )


def read_newcomers(
    given: Iterable[tuple[int, Mapping[str, Any]]], into: Intake, *, at: datetime
) -> tuple[dict[int, Newcomer], dict[int, str]]:
    """The rows to insert, and what is wrong with the others: both by the item's place."""
    newcomers: dict[int, Newcomer] = {}
    mistakes: dict[int, str] = {}
    for position, lead in given:
        try:
            data = read_new_lead(lead)
            row = _row(data, into, at)
            newcomers[position] = Newcomer(row, first_touch(row, data.get("touch")))
        except Invalid as mistake:
            mistakes[position] = "; ".join(f"{error.pointer}: {error.message}" for error in mistake.errors)
    return newcomers, mistakes


def take_in(session: Session, into: Intake, newcomers: Sequence[Newcomer], *, at: datetime) -> list[SimpleNamespace]:
    """Give each of the leads to somebody, and insert them with their first touches.

    Returns the leads, in their order, with every column.
    """
    rows = [newcomer.lead for newcomer in newcomers]
    notes = _share_out(session, into.actor, rows, at=at)
    insert_many(session, Lead, [sealed_row(Lead, row) for row in rows])
    insert_many(session, Touch, [newcomer.touch for newcomer in newcomers])
    insert_many(session, AssignmentEntry, notes)
    audit_log.wrote(session, "lead", [row["id"] for row in rows], act=Act.CREATE, after={})
    return [SimpleNamespace(**row) for row in rows]


def _share_out(session: Session, actor: Actor, rows: Sequence[dict[str, Any]], *, at: datetime) -> list[dict[str, Any]]:
    """Fill in who gets the leads that nobody is named for, as `capture_lead` does; returns the history of all."""
    by_hand = {"why": Why.MANUAL, "by_id": actor.user_id}
    notes = [_note(row, at, **by_hand) for row in rows if row["assigned_to_id"]]
    unnamed = [row for row in rows if not row["assigned_to_id"]]
    decisions, rest_in_turn = choose(session, actor.clinic, unnamed, at=at)
    team = default_team(session, actor.clinic.id, at=at) if rest_in_turn else ()
    for row, decision in zip(unnamed, decisions, strict=True):
        row["assigned_to_id"] = decision.user_id if decision else _whose_turn(row["id"], team)
        row["assigned_at"] = at if row["assigned_to_id"] else None
        if row["assigned_to_id"]:
            notes.append(_note(row, at, **why_first(decision)))
    return notes


def _note(row: Mapping[str, Any], at: datetime, **why: Any) -> dict[str, Any]:
    return entry(row["clinic_id"], row["id"], at=at, to_id=row["assigned_to_id"], **why)


def _whose_turn(lead_id: UUID, team: Sequence[UUID]) -> UUID | None:
    return team[lead_id.int % 2**31 % len(team)] if team else None


def _row(data: Mapping[str, Any], into: Intake, at: datetime) -> dict[str, Any]:
    _check(data, into)
    row = new_lead(into.actor, {"capture_channel": CaptureChannel.IMPORT, **data}, at=at)
    row["pipeline_stage"] = into.first_stage
    row["rots_at"], row["rotting_reason"] = rots(at, at, into.limits)
    row["assigned_at"] = at if data.get("assigned_to_id") else None
    return {name: row.get(name) for name in _COLUMNS}


def _check(data: Mapping[str, Any], into: Intake) -> None:
    """The rules that `LeadIn` cannot know. Raises Invalid."""
    refuse_custom(into.definitions, data.get("custom", {}))
    if data["source_id"] not in into.sources:
        raise Invalid.at("/source_id", "Must be an active source of your clinic.")
    if into.first_stage is None:
        raise Invalid.at("", "The clinic has no stage that a lead could begin in.")
    if (chosen := data.get("assigned_to_id")) is None:
        return
    if not into.may_assign:
        raise Invalid.at("/assigned_to_id", "Your role does not allow assigning leads.")
    if chosen not in into.staff.everybody:
        raise Invalid.at("/assigned_to_id", "Must be an active user of your clinic.")

"""Putting leads into a sequence: any number of them in the same few statements."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.automation.sequences.enrollments.labels import put_on
from app.automation.sequences.models import IS_LIVE, LIVE, Enrollment, EnrollmentState
from app.core.db import insert_many, new_id
from app.engine.sequences.definitions import sequences_of
from app.engine.sequences.progression import EnrollmentContext, plan_step
from app.engine.sequences.sequence import Sequence as SequenceText
from app.engine.service import add_steps, planned_row
from app.engine.steps.guard import CLOSED_STATUSES
from app.identity.clinic_context import ClinicContext


class Enrolled(StrEnum):
    """What came of a lead that was to be enrolled."""

    ENROLLED = "enrolled"
    ALREADY_IN = "already_in"  # it is in this very sequence
    IN_ANOTHER = "in_another"  # both sequences are exclusive
    BEEN_BEFORE = "been_before"  # and the sequence says once and never again
    TOO_SOON = "too_soon"  # since it was in it last
    OPTED_OUT = "opted_out"
    RESTRICTED = "restricted"
    LEAD_IS_OVER = "lead_is_over"  # converted, lost or archived, and that is not what enrolls it
    NO_SUCH_LEAD = "no_such_lead"
    SEQUENCE_INACTIVE = "sequence_inactive"


# Who deletes or switches it waits for those who enroll, and they for them: nobody comes into what is no more.
_HOLD: Final = text("SELECT id FROM sequences WHERE id = :id AND active AND deleted_at IS NULL FOR KEY SHARE")
# In the order of their ids, as everybody who locks several.
_LOCK: Final = text(
    "SELECT id, status, timezone, tags, opted_out_at, restricted_at FROM leads"
    " WHERE id = ANY(:ids) AND clinic_id = :clinic AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE"
)
_BEFORE: Final = text(
    f"SELECT lead_id, sequence_id, state, is_exclusive, label, ended_at FROM enrollments WHERE lead_id = ANY(:ids)"  # noqa: S608
    f" AND (sequence_id = :sequence OR {IS_LIVE})"
)
_ONLY_NEW: Final = "ON CONFLICT DO NOTHING RETURNING id"


def enroll(
    session: Session,
    clinic: ClinicContext,
    slug: str,
    causes: Mapping[UUID, Mapping[str, Any]],
    *,
    at: datetime,
    by: UUID | None = None,
) -> dict[UUID, Enrolled]:
    """Put these leads into the sequence of that name, and plan the first step of each; returns what came of each.

    `causes` are the leads, each with the cause of the step that enrolls it; a person, `by`, needs none: `{}`. Of two
    calls at once for one lead, one enrolls it. The sequence is held until the commit, and the leads in the order of
    their ids.
    """
    known = sequences_of(session, clinic)
    sequence = known.by_slug.get(slug)
    if sequence is None or sequence.id not in known.active or not _is_held(session, sequence):
        return dict.fromkeys(causes, Enrolled.SEQUENCE_INACTIVE)
    leads = {lead.id: lead for lead in session.execute(_LOCK, {"ids": list(causes), "clinic": clinic.id})}
    before = _before(session, sequence, leads)
    found = {
        id_: why_not_this_lead(leads[id_], causes[id_]) or why_not_by_its_past(sequence, before[id_], at)
        if id_ in leads
        else Enrolled.NO_SUCH_LEAD
        for id_ in causes
    }
    entry = _Entry(clinic, sequence, at, causes, by)
    fresh = _put_in(session, entry, [(leads[id_], before[id_]) for id_, refusal in found.items() if refusal is None])
    return {
        id_: refusal or (Enrolled.ENROLLED if id_ in fresh else Enrolled.ALREADY_IN) for id_, refusal in found.items()
    }


def _is_held(session: Session, sequence: SequenceText) -> bool:
    """Whether it is still there and switched on; if so, it is until the commit."""
    return session.scalars(_HOLD, {"id": sequence.id}).one_or_none() is not None


def _before(session: Session, sequence: SequenceText, leads: Collection[UUID]) -> Mapping[UUID, Sequence[Row[Any]]]:
    rows: dict[UUID, list[Row[Any]]] = defaultdict(list)
    for row in session.execute(_BEFORE, {"ids": list(leads), "sequence": sequence.id}):
        rows[row.lead_id].append(row)
    return rows


def why_not_this_lead(lead: Any, cause: Mapping[str, Any]) -> Enrolled | None:
    """What the lead itself has against it."""
    if lead.restricted_at is not None:
        return Enrolled.RESTRICTED
    if lead.opted_out_at is not None:
        return Enrolled.OPTED_OUT
    is_over = lead.status in CLOSED_STATUSES and cause.get("lead_status") != lead.status
    return Enrolled.LEAD_IS_OVER if is_over else None


def why_not_by_its_past(sequence: SequenceText, before: Sequence[Any], at: datetime) -> Enrolled | None:
    """What the sequences have against it that the lead is, or was, in."""
    mine = [row for row in before if row.sequence_id == sequence.id]
    if any(row.state in LIVE for row in mine):
        return Enrolled.ALREADY_IN
    if mine and not sequence.re_entry.is_allowed:
        return Enrolled.BEEN_BEFORE
    if sequence.is_exclusive and any(row.is_exclusive and row.state in LIVE for row in before):
        return Enrolled.IN_ANOTHER
    is_too_soon = any(row.ended_at + sequence.re_entry.after > at for row in mine)
    return Enrolled.TOO_SOON if is_too_soon else None


class _Entry(NamedTuple):
    """What is the same for all leads that one call enrolls."""

    clinic: ClinicContext
    sequence: SequenceText
    at: datetime
    causes: Mapping[UUID, Mapping[str, Any]]
    by: UUID | None


def _put_in(session: Session, entry: _Entry, leads: Sequence[tuple[Row[Any], Sequence[Row[Any]]]]) -> set[UUID]:
    """Enroll these leads, each with its enrollments so far; returns those that are in now."""
    rows = [_enrollment(entry, lead, label_of(entry.sequence, lead, before)) for lead, before in leads]
    fresh = {row.id for row in insert_many(session, Enrollment, rows, tail=_ONLY_NEW)}
    new = [(lead, row) for (lead, _), row in zip(leads, rows, strict=True) if row["id"] in fresh]
    if new:
        add_steps(session, [_first_step(entry, lead, row) for lead, row in new])
        put_on(session, {lead.id: row["label"] for lead, row in new if row["label"]})
    return {lead.id for lead, _ in new}


def label_of(sequence: SequenceText, lead: Any, before: Sequence[Any]) -> str | None:
    """The sequence's, unless the lead has that tag already, and from no other sequence."""
    is_ours = any(row.label == sequence.label and row.state in LIVE for row in before)
    return sequence.label if is_ours or sequence.label not in lead.tags else None


def _first_step(entry: _Entry, lead: Row[Any], row: Mapping[str, Any]) -> dict[str, Any]:
    passage = EnrollmentContext(row["id"], lead.timezone, row["cause"])
    calendar = entry.clinic.calendar
    planned = plan_step(entry.sequence, entry.sequence.first, passage, at=entry.at, calendar=calendar)
    return {**planned_row(entry.clinic.id, lead.id, planned), "id": row["step_id"]}


def _enrollment(entry: _Entry, lead: Row[Any], label: str | None) -> dict[str, Any]:
    id_, sequence = new_id(), entry.sequence
    return {
        "id": id_,
        "clinic_id": entry.clinic.id,
        "lead_id": lead.id,
        "sequence_id": sequence.id,
        "sequence_version": sequence.version,
        "state": EnrollmentState.ACTIVE,
        "step": sequence.first.name,
        "step_id": new_id(),
        "is_exclusive": sequence.is_exclusive,
        "exit_on": sequence.exit_on,
        "goal": sequence.goal,
        "label": label,
        "colleague_key": sequence.colleague_key,
        "cause": EnrollmentContext.start(id_, sequence.slug, entry.causes[lead.id]).cause,
        "enrolled_at": entry.at,
        "enrolled_by": entry.by,
        "changed_at": entry.at,
    }

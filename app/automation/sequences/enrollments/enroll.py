"""Enroll leads in a sequence, any number of leads with a constant number of statements."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.automation.sequences.enrollments.best_hours import best_hours_for
from app.automation.sequences.enrollments.labels import add_labels
from app.automation.sequences.models import IS_LIVE, LIVE, Enrollment, EnrollmentState
from app.core.db import AnyRow, insert_many, new_id
from app.core.type_aliases import ColumnDict, ColumnValues, JsonDict, JsonObject
from app.engine.sequences.definitions import sequences_of
from app.engine.sequences.progression import EnrollmentContext, plan_step
from app.engine.sequences.sequence import Sequence as SequenceText
from app.engine.service import add_steps, planned_row
from app.engine.steps.guard import CLOSED_STATUSES
from app.identity.clinic_context import ClinicContext


class EnrollmentResult(StrEnum):
    """Result of enrolling a lead."""

    ENROLLED = "enrolled"
    ALREADY_IN = "already_in"  # it is in this sequence, about the same thing
    IN_ANOTHER = "in_another"  # both sequences are exclusive
    BEEN_BEFORE = "been_before"  # the sequence does not allow re-entry
    TOO_SOON = "too_soon"  # the re-entry interval is not over
    OPTED_OUT = "opted_out"
    RESTRICTED = "restricted"
    LEAD_IS_OVER = "lead_is_over"  # converted, lost or archived, unless that status caused the enrollment
    NO_SUCH_LEAD = "no_such_lead"
    SEQUENCE_INACTIVE = "sequence_inactive"


# The lock makes deleting and deactivating wait for enrollments, so that no lead enters a deleted sequence.
_HOLD: Final = text("SELECT id FROM sequences WHERE id = :id AND active AND deleted_at IS NULL FOR KEY SHARE")
# Ordered by id, to avoid deadlocks.
_LOCK: Final = text(
    "SELECT id, status, timezone, tags, opted_out_at, restricted_at FROM leads"
    " WHERE id = ANY(:ids) AND clinic_id = :clinic AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE"
)
_BEFORE: Final = text(
    f"SELECT lead_id, sequence_id, key, state, is_exclusive, label, ended_at FROM enrollments WHERE lead_id = ANY(:ids)"  # noqa: S608
    f" AND (sequence_id = :sequence OR {IS_LIVE})"
)
_ONLY_NEW: Final = "ON CONFLICT DO NOTHING RETURNING id"


def enroll(
    session: Session,
    clinic: ClinicContext,
    slug: str,
    causes: Mapping[UUID, JsonObject],
    *,
    at: datetime,
    by: UUID | None = None,
    keys: Mapping[UUID, str] = MappingProxyType({}),
) -> dict[UUID, EnrollmentResult]:
    """Enroll leads in the sequence with this slug, and plan the first step of each. Return the result by lead id.

    `causes` maps each lead id to the cause of the step that enrolls it; `{}` if the user `by` enrolls it. `keys`:
    what each enrollment is about, by lead id. A lead is enrolled once for each key at a time. Of two
    concurrent calls for one lead, one enrolls it. The sequence and the leads are locked until the commit, the leads in
    the order of their ids.
    """
    known = sequences_of(session, clinic)
    sequence = known.by_slug.get(slug)
    if sequence is None or sequence.id not in known.active or not _lock_if_active(session, sequence):
        return dict.fromkeys(causes, EnrollmentResult.SEQUENCE_INACTIVE)
    leads = {lead.id: lead for lead in session.execute(_LOCK, {"ids": list(causes), "clinic": clinic.id})}
    before = _enrollments_so_far(session, sequence, leads)
    refusals = {
        id_: lead_refusal(leads[id_], causes[id_]) or history_refusal(sequence, before[id_], at, key=keys.get(id_, ""))
        if id_ in leads
        else EnrollmentResult.NO_SUCH_LEAD
        for id_ in causes
    }
    entry = EnrollmentBatch(clinic, sequence, at, causes, by, keys)
    fresh = _insert(session, entry, [(leads[id_], before[id_]) for id_, refusal in refusals.items() if refusal is None])
    return {
        id_: refusal or (EnrollmentResult.ENROLLED if id_ in fresh else EnrollmentResult.ALREADY_IN)
        for id_, refusal in refusals.items()
    }


def _lock_if_active(session: Session, sequence: SequenceText) -> bool:
    """Return whether the sequence is active, and lock it until the commit."""
    return session.scalars(_HOLD, {"id": sequence.id}).one_or_none() is not None


def _enrollments_so_far(
    session: Session, sequence: SequenceText, leads: Collection[UUID]
) -> Mapping[UUID, Sequence[AnyRow]]:
    rows: dict[UUID, list[AnyRow]] = defaultdict(list)
    for row in session.execute(_BEFORE, {"ids": list(leads), "sequence": sequence.id}):
        rows[row.lead_id].append(row)
    return rows


def lead_refusal(lead: Any, cause: JsonObject) -> EnrollmentResult | None:
    """Return why the state of the lead forbids enrollment; None if it does not."""
    if lead.restricted_at is not None:
        return EnrollmentResult.RESTRICTED
    if lead.opted_out_at is not None:
        return EnrollmentResult.OPTED_OUT
    is_over = lead.status in CLOSED_STATUSES and cause.get("lead_status") != lead.status
    return EnrollmentResult.LEAD_IS_OVER if is_over else None


def history_refusal(
    sequence: SequenceText, before: Sequence[Any], at: datetime, *, key: str = ""
) -> EnrollmentResult | None:
    """Return why earlier enrollments (rows in `before`) forbid a new one about `key` at `at`; None if they do not."""
    mine = [row for row in before if row.sequence_id == sequence.id and row.key == key]
    if any(row.state in LIVE for row in mine):
        return EnrollmentResult.ALREADY_IN
    if mine and not sequence.re_entry.is_allowed:
        return EnrollmentResult.BEEN_BEFORE
    if sequence.is_exclusive and any(row.is_exclusive and row.state in LIVE for row in before):
        return EnrollmentResult.IN_ANOTHER
    is_too_soon = any(row.ended_at + sequence.re_entry.after > at for row in mine)
    return EnrollmentResult.TOO_SOON if is_too_soon else None


class EnrollmentBatch(NamedTuple):
    """Values shared by all leads of one call."""

    clinic: ClinicContext
    sequence: SequenceText
    at: datetime
    causes: Mapping[UUID, JsonObject]
    by: UUID | None = None
    keys: Mapping[UUID, str] = MappingProxyType({})


def _insert(session: Session, entry: EnrollmentBatch, leads: Sequence[tuple[AnyRow, Sequence[AnyRow]]]) -> set[UUID]:
    """Enroll these leads, each with its enrollments so far. Return the ids of the leads enrolled."""
    rows = [enrollment_row(entry, lead, before, id_=new_id()) for lead, before in leads]
    fresh = {row.id for row in insert_many(session, Enrollment, rows, tail=_ONLY_NEW)}
    new = [(lead, row) for (lead, _), row in zip(leads, rows, strict=True) if row["id"] in fresh]
    if new:
        hours = best_hours_for(session, ((lead.id, entry.sequence.first) for lead, _ in new))
        add_steps(session, [_first_step(entry, lead, row, hours.get(lead.id, ())) for lead, row in new])
        add_labels(session, {lead.id: row["label"] for lead, row in new if row["label"]})
    return {lead.id for lead, _ in new}


def _label(sequence: SequenceText, lead: Any, before: Sequence[Any]) -> str | None:
    """Return the sequence's label; None if the lead has that tag and no sequence added it."""
    is_ours = any(row.label == sequence.label and row.state in LIVE for row in before)
    return sequence.label if is_ours or sequence.label not in lead.tags else None


def _first_step(entry: EnrollmentBatch, lead: AnyRow, row: ColumnValues, best_hours: Sequence[str]) -> JsonDict:
    context = EnrollmentContext(row["id"], lead.timezone, row["cause"], tuple(best_hours))
    calendar = entry.clinic.calendar
    planned = plan_step(entry.sequence, entry.sequence.first, context, at=entry.at, calendar=calendar)
    return {**planned_row(entry.clinic.id, lead.id, planned), "id": row["step_id"]}


def enrollment_row(entry: EnrollmentBatch, lead: Any, before: Sequence[Any], *, id_: UUID) -> ColumnDict:
    """Return the row of a new enrollment. `before` are the rows of the lead's enrollments so far."""
    sequence, key = entry.sequence, entry.keys.get(lead.id, "")
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
        "label": _label(sequence, lead, before),
        "colleague_key": sequence.colleague_key,
        "key": key,
        "cause": EnrollmentContext.start(id_, sequence.slug, entry.causes[lead.id], key=key).cause,
        "enrolled_at": entry.at,
        "enrolled_by": entry.by,
        "changed_at": entry.at,
    }

"""Enrolling any number of leads: as a job, whose chunks each put their leads in by the one way there is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from app import clock
from app.audit import trail
from app.audit.models import Act
from app.automation.clinic import ClinicContext
from app.automation.sequence_texts import sequences_of
from app.bulk.chunks import Make, makers
from app.bulk.filling import fill_with_found, fill_with_ids
from app.bulk.items import Ends, lock_pending, write_ends
from app.bulk.models import ItemReason, Job
from app.bulk.planning import Span
from app.bulk.service import Plan, start_job
from app.errors import Invalid
from app.identity.actor import Actor
from app.leads.listing import passing
from app.leads.lookup import those_within
from app.leads.models import Lead
from app.sequences.enrolling import Enrolled, enroll
from app.sequences.service import find_sequence

MAKES: Final = "enrollments"
CHUNK: Final = 500  # leads that are held at once
SPREAD_IN: Final = timedelta(minutes=5)  # leads of so long begin together
LONGEST: Final = timedelta(days=366)

REASONS: Final[Mapping[Enrolled, ItemReason]] = {
    Enrolled.ALREADY_IN: ItemReason.ALREADY_IN,
    Enrolled.IN_ANOTHER: ItemReason.IN_ANOTHER,
    Enrolled.BEEN_BEFORE: ItemReason.BEEN_BEFORE,
    Enrolled.TOO_SOON: ItemReason.TOO_SOON,
    Enrolled.OPTED_OUT: ItemReason.OPTED_OUT,
    Enrolled.RESTRICTED: ItemReason.LEAD_IS_RESTRICTED,
    Enrolled.LEAD_IS_OVER: ItemReason.LEAD_IS_CLOSED,
    Enrolled.NO_SUCH_LEAD: ItemReason.UNKNOWN_LEAD,
    Enrolled.SEQUENCE_INACTIVE: ItemReason.SEQUENCE_INACTIVE,
}

_WANTED: Final = (
    "FROM job_items i JOIN leads l ON l.id = i.lead_id"
    " WHERE i.job_id = :job AND i.position BETWEEN :first AND :last AND i.status = 'pending'"
    " AND l.clinic_id = :clinic AND l.deleted_at IS NULL"
    " AND (CAST(:whose AS uuid[]) IS NULL OR l.assigned_to_id = ANY(CAST(:whose AS uuid[])))"
)
_TAKE: Final = text(f"SELECT i.position, l.id {_WANTED} FOR NO KEY UPDATE OF l SKIP LOCKED")
_WHICH_EXIST: Final = text(f"SELECT i.position {_WANTED}")


def enroll_many(session: Session, actor: Actor, sequence_id: UUID, data: Mapping[str, Any]) -> Job:
    """A job for what `BulkEnrollIn` read. Raises NotFound, Invalid, ClientKeyReused."""
    sequence = find_sequence(session, actor, sequence_id)
    per_hour = data.get("per_hour")
    spec = {"makes": MAKES, "sequence_id": str(sequence.id), "whose": _whose(session, actor)}
    plan = Plan(lambda _: spec, partial(_fill, session, actor, data), **_pace(per_hour))
    return start_job(session, actor, {**data, "sequence_id": sequence.id}, plan)


def _whose(session: Session, actor: Actor) -> list[str] | None:
    whose = those_within(session, actor)
    return None if whose is None else [str(user_id) for user_id in whose]


def _pace(per_hour: int | None) -> dict[str, Any]:
    """How many leads begin together, and how long before the next ones do."""
    if per_hour is None:
        return {"size": CHUNK}
    size = min(max(per_hour * SPREAD_IN // timedelta(hours=1), 1), CHUNK)
    return {"size": size, "every": size * timedelta(hours=1) / per_hour}


def _fill(session: Session, actor: Actor, data: Mapping[str, Any], job_id: UUID) -> tuple[int, int]:
    if "lead_ids" in data:
        total, failed = fill_with_ids(session, job_id, data["lead_ids"])
    else:
        found = select(Lead.id).where(*passing(session, actor, data["filter"]))
        total, failed = fill_with_found(session, job_id, found), 0
    if (per_hour := data.get("per_hour")) and total * timedelta(hours=1) / per_hour > LONGEST:
        raise Invalid.at("/per_hour", f"{total:,} leads would take more than a year: ask for more an hour.")
    return total, failed


@dataclass(frozen=True, slots=True)
class Work:
    """A job as its chunks need it; `slug` is None once the sequence is deleted."""

    job_id: UUID
    created_by: UUID | None
    clinic: ClinicContext
    slug: str | None
    whose: list[str] | None


def work_on(session: Session, job: Row[Any], clinic: ClinicContext) -> Make:
    """What makes a chunk of the job."""
    known = sequences_of(session, clinic).by_slug.values()
    slug = next((one.slug for one in known if str(one.id) == job.spec["sequence_id"]), None)
    return partial(_put_in, work=Work(job.id, job.created_by, clinic, slug, job.spec["whose"]))


makers[MAKES] = work_on


def _put_in(session: Session, span: Span, *, work: Work) -> Ends:
    """Enroll the leads of the span's pending items; returns, and writes down, how each of them ended."""
    ends = Ends()
    pending = [item.position for item in lock_pending(session, work.job_id, span)]
    leads = _take(session, work, span)
    ends.left += _left(session, work, span, {*pending} - leads.keys())
    came = _enroll(session, work, set(leads.values()))
    for place in {*pending} - {*ends.left}:
        result = came[leads[place]] if place in leads else Enrolled.NO_SUCH_LEAD
        if result is Enrolled.ENROLLED:
            ends.succeed(place, lead_id=leads[place])
        else:
            ends.fail(place, REASONS[result])
    write_ends(session, work.job_id, ends)
    return ends


def _take(session: Session, work: Work, span: Span) -> dict[int, UUID]:
    """Lock those that are there and that nobody is changing just now, by their places."""
    return {row.position: row.id for row in session.execute(_TAKE, _given(work, span))}


def _left(session: Session, work: Work, span: Span, missing: set[int]) -> set[int]:
    """Those of them that somebody is changing: they have their turn later."""
    return missing & set(session.scalars(_WHICH_EXIST, _given(work, span))) if missing else set()


def _given(work: Work, span: Span) -> dict[str, Any]:
    whose = {"clinic": work.clinic.id, "whose": work.whose}
    return {"job": work.job_id, "first": span.first, "last": span.last, **whose}


def _enroll(session: Session, work: Work, lead_ids: set[UUID]) -> Mapping[UUID, Enrolled]:
    if work.slug is None:
        return dict.fromkeys(lead_ids, Enrolled.SEQUENCE_INACTIVE)
    causes: dict[UUID, dict[str, Any]] = {lead_id: {} for lead_id in lead_ids}
    came = enroll(session, work.clinic, work.slug, causes, at=clock.now(), by=work.created_by)
    new = [lead_id for lead_id, result in came.items() if result is Enrolled.ENROLLED]
    trail.wrote(session, "lead", new, act=Act.UPDATE, after={"enrolled_in": work.slug})
    return came

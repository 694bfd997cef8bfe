"""Enrolling any number of leads: as a job, whose chunks each put their leads in by the one way there is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from app import clock
from app.audit import audit_log
from app.audit.models import Act
from app.automation.sequences.enrollments.enroll import Enrolled, enroll
from app.automation.sequences.service import find_sequence
from app.engine.jobs.fill import fill_with_found, fill_with_ids
from app.engine.jobs.items import ItemResults, write_results
from app.engine.jobs.kinds import JobKind, ProcessSpan
from app.engine.jobs.models import ItemReason, Job
from app.engine.jobs.planning import Span
from app.engine.jobs.service import JobPlan, start_job
from app.engine.sequences.definitions import sequences_of
from app.errors import Invalid
from app.identity.actor import Actor
from app.identity.clinic_context import ClinicContext
from app.leads.capture.bulk.locked_leads import lock_leads
from app.leads.lookup import visible_user_ids
from app.leads.models import Lead
from app.leads.search.listing import lead_conditions

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


def enroll_many(session: Session, actor: Actor, sequence_id: UUID, data: Mapping[str, Any]) -> Job:
    """A job for what `BulkEnrollIn` read. Raises NotFound, Invalid, ClientKeyReused."""
    sequence = find_sequence(session, actor, sequence_id)
    per_hour = data.get("per_hour")
    spec = {"makes": MAKES, "sequence_id": str(sequence.id), "whose": _whose(session, actor)}
    plan = JobPlan(lambda _: spec, partial(_fill, session, actor, data), **_pace(per_hour))
    return start_job(session, actor, {**data, "sequence_id": sequence.id}, plan)


def _whose(session: Session, actor: Actor) -> list[str] | None:
    whose = visible_user_ids(session, actor)
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
        found = select(Lead.id).where(*lead_conditions(session, actor, data["filter"]))
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


def work_on(session: Session, job: Row[Any], clinic: ClinicContext) -> ProcessSpan:
    """What makes a chunk of the job."""
    known = sequences_of(session, clinic).by_slug.values()
    slug = next((one.slug for one in known if str(one.id) == job.spec["sequence_id"]), None)
    return partial(_put_in, work=Work(job.id, job.created_by, clinic, slug, job.spec["whose"]))


def _put_in(session: Session, span: Span, *, work: Work) -> ItemResults:
    """Enroll the leads of the span's pending items; returns, and writes down, how each of them ended."""
    held = lock_leads(session, work.job_id, span, clinic_id=work.clinic.id, whose=work.whose)
    ends, came = ItemResults(left=list(held.busy)), _enroll(session, work, set(held.leads.values()))
    for place, lead_id in held.leads.items():
        if came[lead_id] is Enrolled.ENROLLED:
            ends.succeed(place, lead_id=lead_id)
        else:
            ends.fail(place, REASONS[came[lead_id]])
    for place in held.unknown:
        ends.fail(place, ItemReason.UNKNOWN_LEAD)
    write_results(session, work.job_id, ends)
    return ends


def _enroll(session: Session, work: Work, lead_ids: set[UUID]) -> Mapping[UUID, Enrolled]:
    if work.slug is None:
        return dict.fromkeys(lead_ids, Enrolled.SEQUENCE_INACTIVE)
    causes: dict[UUID, dict[str, Any]] = {lead_id: {} for lead_id in lead_ids}
    came = enroll(session, work.clinic, work.slug, causes, at=clock.now(), by=work.created_by)
    new = [lead_id for lead_id, result in came.items() if result is Enrolled.ENROLLED]
    audit_log.note_change(session, "lead", new, act=Act.UPDATE, after={"enrolled_in": work.slug})
    return came


KIND: Final = JobKind(MAKES, work_on)

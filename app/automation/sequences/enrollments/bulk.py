"""Bulk enrollment: a job that enrolls any number of leads, chunk by chunk, with `enroll`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import clock
from app.audit import audit_log
from app.audit.models import Act
from app.automation.sequences.definitions import find_sequence
from app.automation.sequences.enrollments.enroll import EnrollmentResult, enroll
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.events.events import OF_MANY
from app.engine.jobs.fill import fill_with_found, fill_with_ids
from app.engine.jobs.items import ItemResults, write_results
from app.engine.jobs.kinds import JobKind, JobRow, ProcessSpan
from app.engine.jobs.models import ItemReason, Job
from app.engine.jobs.service import JobPlan, start_job
from app.engine.jobs.split import Span
from app.engine.sequences.definitions import sequences_of
from app.errors import Invalid
from app.identity.actor import Actor
from app.identity.clinic_context import ClinicContext
from app.leads.capture.bulk.locked_leads import lock_leads
from app.leads.models import Lead
from app.leads.search.listing import lead_conditions
from app.leads.search.lookup import visible_user_ids

MAKES: Final = "enrollments"
CHUNK: Final = 500  # leads locked at once
SPREAD_IN: Final = timedelta(minutes=5)  # leads due in this period begin together
LONGEST: Final = timedelta(days=366)

REASONS: Final[Mapping[EnrollmentResult, ItemReason]] = {
    EnrollmentResult.ALREADY_IN: ItemReason.ALREADY_IN,
    EnrollmentResult.IN_ANOTHER: ItemReason.IN_ANOTHER,
    EnrollmentResult.BEEN_BEFORE: ItemReason.BEEN_BEFORE,
    EnrollmentResult.TOO_SOON: ItemReason.TOO_SOON,
    EnrollmentResult.OPTED_OUT: ItemReason.OPTED_OUT,
    EnrollmentResult.RESTRICTED: ItemReason.LEAD_IS_RESTRICTED,
    EnrollmentResult.LEAD_IS_OVER: ItemReason.LEAD_IS_CLOSED,
    EnrollmentResult.NO_SUCH_LEAD: ItemReason.UNKNOWN_LEAD,
    EnrollmentResult.SEQUENCE_INACTIVE: ItemReason.SEQUENCE_INACTIVE,
}


def enroll_many(session: Session, actor: Actor, sequence_id: UUID, data: JsonObject) -> Job:
    """Start a job for `data`, the fields of BulkEnrollIn. Raises NotFound, Invalid, ClientKeyReused."""
    sequence = find_sequence(session, actor, sequence_id)
    per_hour = data.get("per_hour")
    spec = {"makes": MAKES, "sequence_id": str(sequence.id), "whose": _visible_owners(session, actor)}
    plan = JobPlan(lambda _: spec, partial(_fill, session, actor, data), **_pace(per_hour))
    return start_job(session, actor, {**data, "sequence_id": sequence.id}, plan)


def _visible_owners(session: Session, actor: Actor) -> list[str] | None:
    owners = visible_user_ids(session, actor)
    return None if owners is None else [str(user_id) for user_id in owners]


def _pace(per_hour: int | None) -> JsonDict:
    """Return the chunk size, and the interval between chunks."""
    if per_hour is None:
        return {"size": CHUNK}
    size = min(max(per_hour * SPREAD_IN // timedelta(hours=1), 1), CHUNK)
    return {"size": size, "every": size * timedelta(hours=1) / per_hour}


def _fill(session: Session, actor: Actor, data: JsonObject, job_id: UUID) -> tuple[int, int]:
    if "lead_ids" in data:
        total, failed = fill_with_ids(session, job_id, data["lead_ids"])
    else:
        found = select(Lead.id).where(*lead_conditions(session, actor, data["filter"]))
        total, failed = fill_with_found(session, job_id, found), 0
    _require_pace(total, data.get("per_hour"))
    return total, failed


def check_pace(session: Session, actor: Actor, data: JsonObject, /, **_: object) -> None:
    """Check that the enrollment takes at most a year. Raises Invalid."""
    if (per_hour := data.get("per_hour")) is not None:
        _require_pace(_number_of_leads(session, actor, data), per_hour)


def _number_of_leads(session: Session, actor: Actor, data: JsonObject) -> int:
    if "lead_ids" in data:
        return len(data["lead_ids"])
    found = select(func.count()).select_from(Lead).where(*lead_conditions(session, actor, data["filter"]))
    return session.scalars(found).one()


def _require_pace(total: int, per_hour: int | None) -> None:
    if per_hour and total * timedelta(hours=1) / per_hour > LONGEST:
        raise Invalid.at("/per_hour", f"{total:,} leads would take more than a year: increase `per_hour`.")


@dataclass(frozen=True, slots=True)
class Work:
    """Job data for its chunks.

    `slug`: None if the sequence is deleted. `owner_ids`: owners of the leads; None: all leads.
    """

    job_id: UUID
    created_by: UUID | None
    clinic: ClinicContext
    slug: str | None
    owner_ids: list[str] | None


def work_on(session: Session, job: JobRow, clinic: ClinicContext) -> ProcessSpan:
    """Return the function that processes a chunk of the job."""
    known = sequences_of(session, clinic).by_slug.values()
    slug = next((one.slug for one in known if str(one.id) == job.spec["sequence_id"]), None)
    return partial(_enroll_span, work=Work(job.id, job.created_by, clinic, slug, job.spec["whose"]))


def _enroll_span(session: Session, span: Span, *, work: Work) -> ItemResults:
    """Enroll the leads of the span's pending items. Save and return the result of each."""
    locked = lock_leads(session, work.job_id, span, clinic_id=work.clinic.id, owner_ids=work.owner_ids)
    results, enrolled = ItemResults(left=list(locked.busy)), _enroll(session, work, set(locked.leads.values()))
    for place, lead_id in locked.leads.items():
        if enrolled[lead_id] is EnrollmentResult.ENROLLED:
            results.succeed(place, lead_id=lead_id)
        else:
            results.fail(place, REASONS[enrolled[lead_id]])
    for place in locked.unknown:
        results.fail(place, ItemReason.UNKNOWN_LEAD)
    write_results(session, work.job_id, results)
    return results


def _enroll(session: Session, work: Work, lead_ids: set[UUID]) -> Mapping[UUID, EnrollmentResult]:
    if work.slug is None:
        return dict.fromkeys(lead_ids, EnrollmentResult.SEQUENCE_INACTIVE)
    causes: dict[UUID, JsonDict] = {lead_id: {OF_MANY: True, "bulk_job_id": str(work.job_id)} for lead_id in lead_ids}
    enrolled = enroll(session, work.clinic, work.slug, causes, at=clock.now(), by=work.created_by)
    new = [lead_id for lead_id, result in enrolled.items() if result is EnrollmentResult.ENROLLED]
    audit_log.note_change(session, "lead", new, act=Act.UPDATE, after={"enrolled_in": work.slug})
    return enrolled


KIND: Final = JobKind(MAKES, work_on)

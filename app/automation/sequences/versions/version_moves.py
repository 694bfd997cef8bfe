"""Move all enrollments of a sequence to another version: at once up to 500 leads, else as a job."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.audit import audit_log
from app.audit.models import Act
from app.automation.sequences.errors import MovePlanChanged
from app.automation.sequences.models import LIVE, Enrollment
from app.automation.sequences.versions.move_plan import move_counts, plan_move, published_version, require_valid_steps
from app.automation.sequences.versions.version_mapping import MoveKind, StepMapping
from app.automation.sequences.versions.version_migration import Migration, migrate_enrollments
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.jobs.fill import fill_with_found
from app.engine.jobs.items import ItemResults, write_results
from app.engine.jobs.kinds import JobKind, JobRow, ProcessSpan
from app.engine.jobs.models import ItemReason, Job
from app.engine.jobs.service import JobPlan, start_job
from app.engine.jobs.split import Span
from app.engine.sequences.definitions import sequence_versions
from app.identity.actor import Actor
from app.identity.clinic_context import ClinicContext
from app.leads.capture.bulk.locked_leads import lock_leads
from app.leads.models import Lead

MAKES: Final = "version_moves"
FEW: Final = 500  # leads locked at once, and moved within the request

_LEADS: Final = select(Enrollment.lead_id).where(Enrollment.state.in_(LIVE))
# Ordered by id, to avoid deadlocks.
_LOCK_LEADS: Final = text("SELECT id FROM leads WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE")


def move_to_version(session: Session, actor: Actor, sequence_id: UUID, data: JsonObject) -> JsonDict:
    """Move the enrollments as `data`, the fields of MoveIn, says. Return VersionMovedOut.

    Raises NotFound, Invalid, MovePlanChanged.
    """
    plan = plan_move(session, actor, sequence_id, data["to"])
    if plan.fingerprint != data["fingerprint"]:
        raise MovePlanChanged
    new = published_version(session, sequence_id, data["to"])
    require_valid_steps(plan, new, data["steps"])
    audit_log.note_change(
        session, "sequence", [sequence_id], act=Act.UPDATE, after={"moved_to": plan.to, "steps": data["steps"]}
    )
    if plan.total > FEW:
        return {**move_counts({}), "job": _start_job(session, actor, sequence_id, data)}
    lead_ids = session.scalars(_leads_to_move(sequence_id, plan.to)).all()
    session.execute(_LOCK_LEADS, {"ids": lead_ids})
    mappings = migrate_enrollments(session, Migration(actor.clinic, new, data["steps"], clock.now()), lead_ids)
    _note(session, mappings, plan.to)
    return {**move_counts(Counter(mapping.how for mapping in mappings.values())), "job": None}


def check_move(session: Session, actor: Actor, data: JsonObject, /, *, sequence_id: UUID) -> None:
    """Check the version and the steps for leads that cannot be moved otherwise. Raises Invalid, NotFound."""
    plan = plan_move(session, actor, sequence_id, data["to"])
    require_valid_steps(plan, published_version(session, sequence_id, data["to"]), data["steps"])


def _leads_to_move(sequence_id: UUID, to: int) -> Any:
    return _LEADS.where(Enrollment.sequence_id == sequence_id, Enrollment.sequence_version != to)


def _start_job(session: Session, actor: Actor, sequence_id: UUID, data: JsonObject) -> Job:
    spec = {"makes": MAKES, "sequence_id": str(sequence_id), "to": data["to"], "steps": data["steps"]}
    leads = select(Lead.id).where(Lead.id.in_(_leads_to_move(sequence_id, data["to"])))

    def fill(job_id: UUID) -> tuple[int, int]:
        return fill_with_found(session, job_id, leads), 0

    return start_job(session, actor, {}, JobPlan(lambda _: spec, fill, size=FEW))


def work_on(session: Session, job: JobRow, clinic: ClinicContext) -> ProcessSpan:
    """Return the function that processes a chunk of the job."""
    key = UUID(job.spec["sequence_id"]), job.spec["to"]
    work = Migration(clinic, sequence_versions(session, {key})[key], job.spec["steps"], clock.now())
    return partial(_move, job_id=job.id, work=work)


def _move(session: Session, span: Span, *, job_id: UUID, work: Migration) -> ItemResults:
    """Migrate the leads of the span's pending items. Save and return the result of each."""
    locked = lock_leads(session, job_id, span, clinic_id=work.clinic.id)
    mappings, results = (
        migrate_enrollments(session, work, list(locked.leads.values())),
        ItemResults(left=list(locked.busy)),
    )
    for place, lead_id in locked.leads.items():
        if reason := _refusal(mappings.get(lead_id)):
            results.fail(place, reason)
        else:
            results.succeed(place, lead_id=lead_id)
    for place in locked.unknown:
        results.fail(place, ItemReason.UNKNOWN_LEAD)
    _note(session, mappings, work.new.version)
    write_results(session, job_id, results)
    return results


def _refusal(mapping: StepMapping | None) -> ItemReason | None:
    if mapping is None:
        return ItemReason.NO_LONGER_IN
    return ItemReason.CANNOT_MOVE if mapping.how is MoveKind.CANNOT else None


def _note(session: Session, mappings: Mapping[UUID, StepMapping], to: int) -> None:
    moved: Sequence[UUID] = [lead_id for lead_id, mapping in mappings.items() if mapping.how is not MoveKind.CANNOT]
    audit_log.note_change(session, "lead", moved, act=Act.UPDATE, after={"enrollment": f"moved to version {to}"})


KIND: Final = JobKind(MAKES, work_on)

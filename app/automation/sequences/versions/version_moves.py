"""Moving all who are in a sequence to another version: at once while they are few, else as a job."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from app import clock
from app.audit import audit_log
from app.audit.models import Act
from app.automation.sequences.errors import MovePlanChanged
from app.automation.sequences.models import LIVE, Enrollment
from app.automation.sequences.versions.move_plan import counted, plan_move, require_wanted, version_of
from app.automation.sequences.versions.version_mapping import Landing, Lands
from app.automation.sequences.versions.version_migration import Carrying, carry_over
from app.engine.jobs.fill import fill_with_found
from app.engine.jobs.items import ItemResults, write_results
from app.engine.jobs.kinds import JobKind, ProcessSpan
from app.engine.jobs.models import ItemReason, Job
from app.engine.jobs.planning import Span
from app.engine.jobs.service import JobPlan, start_job
from app.engine.sequences.definitions import sequence_versions
from app.identity.actor import Actor
from app.identity.clinic_context import ClinicContext
from app.leads.capture.bulk.locked_leads import lock_leads
from app.leads.models import Lead

MAKES: Final = "version_moves"
FEW: Final = 500  # leads that are held at once, and moved within the call

_WHO: Final = select(Enrollment.lead_id).where(Enrollment.state.in_(LIVE))
# In the order of their ids, as everybody who locks several.
_LOCK_LEADS: Final = text("SELECT id FROM leads WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE")


def carry_out_move(session: Session, actor: Actor, sequence_id: UUID, data: Mapping[str, Any]) -> dict[str, Any]:
    """Do what `MoveIn` read; returns what `VersionMovedOut` writes. Raises NotFound, Invalid, MovePlanChanged."""
    plan = plan_move(session, actor, sequence_id, data["to"])
    if plan.fingerprint != data["fingerprint"]:
        raise MovePlanChanged
    new = version_of(session, sequence_id, data["to"])
    require_wanted(plan, new, data["steps"])
    audit_log.note_change(
        session, "sequence", [sequence_id], act=Act.UPDATE, after={"moved_to": plan.to, "steps": data["steps"]}
    )
    if plan.total > FEW:
        return {**counted({}), "job": _start(session, actor, sequence_id, data)}
    lead_ids = session.scalars(_who(sequence_id, plan.to)).all()
    session.execute(_LOCK_LEADS, {"ids": lead_ids})
    landed = carry_over(session, Carrying(actor.clinic, new, data["steps"], clock.now()), lead_ids)
    _note(session, landed, plan.to)
    return {**counted(Counter(lands.how for lands in landed.values())), "job": None}


def _who(sequence_id: UUID, to: int) -> Any:
    return _WHO.where(Enrollment.sequence_id == sequence_id, Enrollment.sequence_version != to)


def _start(session: Session, actor: Actor, sequence_id: UUID, data: Mapping[str, Any]) -> Job:
    spec = {"makes": MAKES, "sequence_id": str(sequence_id), "to": data["to"], "steps": data["steps"]}
    leads = select(Lead.id).where(Lead.id.in_(_who(sequence_id, data["to"])))

    def fill(job_id: UUID) -> tuple[int, int]:
        return fill_with_found(session, job_id, leads), 0

    return start_job(session, actor, {}, JobPlan(lambda _: spec, fill, size=FEW))


def work_on(session: Session, job: Row[Any], clinic: ClinicContext) -> ProcessSpan:
    """What makes a chunk of the job."""
    key = UUID(job.spec["sequence_id"]), job.spec["to"]
    work = Carrying(clinic, sequence_versions(session, {key})[key], job.spec["steps"], clock.now())
    return partial(_move, job_id=job.id, work=work)


def _move(session: Session, span: Span, *, job_id: UUID, work: Carrying) -> ItemResults:
    """Carry over the leads of the span's pending items; returns, and writes down, how each of them ended."""
    held = lock_leads(session, job_id, span, clinic_id=work.clinic.id)
    landed, ends = carry_over(session, work, list(held.leads.values())), ItemResults(left=list(held.busy))
    for place, lead_id in held.leads.items():
        if reason := _refusal(landed.get(lead_id)):
            ends.fail(place, reason)
        else:
            ends.succeed(place, lead_id=lead_id)
    for place in held.unknown:
        ends.fail(place, ItemReason.UNKNOWN_LEAD)
    _note(session, landed, work.new.version)
    write_results(session, job_id, ends)
    return ends


def _refusal(lands: Lands | None) -> ItemReason | None:
    if lands is None:
        return ItemReason.NO_LONGER_IN
    return ItemReason.CANNOT_MOVE if lands.how is Landing.CANNOT else None


def _note(session: Session, landed: Mapping[UUID, Lands], to: int) -> None:
    moved: Sequence[UUID] = [lead_id for lead_id, lands in landed.items() if lands.how is not Landing.CANNOT]
    audit_log.note_change(session, "lead", moved, act=Act.UPDATE, after={"enrollment": f"moved to version {to}"})


KIND: Final = JobKind(MAKES, work_on)

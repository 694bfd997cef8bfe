"""Nurture runs: created at the scheduled hour, and processed in batches. The caller runs each batch in a transaction.

An interrupted run continues after the last lead that it processed. A run that missed its hour starts late within four
hours; after that it is saved as missed. The sequence handles enrolled leads like all others.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from app.automation.gateway_warnings import AccountUse, GatewayUse, load_choices, sender_uses, uses_without_sender
from app.automation.nurtures.models import Nurture, NurtureRun, RunReason, RunState
from app.automation.nurtures.schedule import next_run, runs_between
from app.automation.nurtures.selection import after_position, matching_leads
from app.automation.sequences.enrollments.enroll import EnrollmentResult, enroll
from app.clock import now
from app.core.db import insert_many, new_id
from app.core.type_aliases import ColumnDict, JsonDict, JsonObject
from app.engine.events.events import OF_MANY
from app.engine.models import Kind
from app.engine.sequences.definitions import sequences_of
from app.engine.sequences.sequence import Sequence as SequenceText
from app.identity.clinic_context import ClinicContext
from app.identity.clinics import load_context, load_contexts
from app.messaging.gateways.missing import report_missing_gateway
from app.messaging.sending_accounts.missing import report_missing_account

# A run starts at most so long after its hour: the next one is five hours later, and leads get no messages at night.
LATEST: Final = timedelta(hours=4)
AT_ONCE: Final = 100  # due nurtures per call
EVENT: Final = "nurture.run"  # event name in the cause of steps

_ONLY_NEW: Final = "ON CONFLICT (nurture_id, scheduled_for) DO NOTHING RETURNING id"


def plan_runs(session: Session) -> int:
    """Create the runs that are due. Return the number of due nurtures."""
    at = now()
    due = select(Nurture).where(Nurture.next_run_at <= at).order_by(Nurture.next_run_at).limit(AT_ONCE)
    nurtures = session.scalars(due.with_for_update(skip_locked=True)).all()
    clinics = load_contexts(session, {nurture.clinic_id for nurture in nurtures})
    rows = [row for nurture in nurtures for row in _due_runs(nurture, clinics[nurture.clinic_id], at)]
    insert_many(session, NurtureRun, rows, tail=_ONLY_NEW)
    return len(nurtures)


def _due_runs(nurture: Nurture, clinic: ClinicContext, at: datetime) -> list[JsonDict]:
    """Return the rows of due runs. Only the last one starts, unless it is too late; the others are missed."""
    assert nurture.next_run_at is not None  # noqa: S101  (the query selects by it)
    times = runs_between(nurture.run_hours, nurture.days, clinic.calendar, since=nurture.next_run_at, until=at)
    set_next_run(nurture, clinic, after=at)
    return [run_row(nurture, time, at, is_missed=time is not times[-1] or at - time > LATEST) for time in times]


def set_next_run(nurture: Nurture, clinic: ClinicContext, *, after: datetime) -> None:
    """Set the next run to the first scheduled hour after `after`; None if the nurture is inactive."""
    upcoming = next_run(nurture.run_hours, nurture.days, clinic.calendar, after=after)
    nurture.next_run_at = upcoming if nurture.is_active else None


def run_row(
    nurture: Nurture, scheduled_for: datetime, at: datetime, *, is_missed: bool = False, by: UUID | None = None
) -> ColumnDict:
    """Return the row of a run that waits for its first batch, or that was missed. `by`: the user who asked for it."""
    return {
        "id": new_id(),
        "clinic_id": nurture.clinic_id,
        "nurture_id": nurture.id,
        "scheduled_for": scheduled_for,
        "asked_by": by,
        "state": RunState.MISSED if is_missed else RunState.WAITING,
        "reason": RunReason.TOO_LATE if is_missed else None,
        "finished_at": at if is_missed else None,
        "taken": 0,
        "refused": {},
    }


class _Work(NamedTuple):
    """A run, with the data that its batches need."""

    run: NurtureRun
    nurture: Nurture
    clinic: ClinicContext
    sequence: SequenceText


def process_run_batch(session: Session) -> int:
    """Process the next batch of the run that waits longest.

    Return the number of leads processed, at least 1; 0 if no run is open.
    """
    is_open = select(NurtureRun).where(NurtureRun.finished_at.is_(None))
    in_turn = is_open.order_by(NurtureRun.worked_at.nulls_first(), NurtureRun.id).limit(1)
    run = session.scalars(in_turn.with_for_update(skip_locked=True)).one_or_none()
    if run is None:
        return 0
    at = now()
    run.state, run.started_at, run.worked_at = RunState.RUNNING, run.started_at or at, at
    work = _load_work(session, run)
    return _enroll_batch(session, work, at) if isinstance(work, _Work) else _stop(run, work, at)


def _load_work(session: Session, run: NurtureRun) -> _Work | RunReason:
    """Return the data of the run, or why it stops. A run started by a user also runs if the nurture is inactive."""
    nurture = session.get_one(Nurture, run.nurture_id)
    if not nurture.is_active and run.asked_by is None:
        return RunReason.NURTURE_INACTIVE
    clinic = load_context(session, run.clinic_id)
    sequence = active_sequence(session, clinic, nurture.sequence)
    if sequence is None:
        return RunReason.SEQUENCE_INACTIVE
    return _missing_sender(session, sequence, nurture) or _Work(run, nurture, clinic, sequence)


def _missing_sender(session: Session, sequence: SequenceText, nurture: Nurture) -> RunReason | None:
    """Tell the admins that the clinic has no gateway or account for a message. Returns which; None: it has all."""
    match _uses_without_sender(session, sequence, nurture.clinic_id):
        case []:
            return None
        case [(GatewayUse(), _), *_]:
            report_missing_gateway(session, nurture.clinic_id, series=nurture.name)
            return RunReason.NO_GATEWAY
        case _:
            report_missing_account(session, nurture.clinic_id, series=nurture.name)
            return RunReason.NO_ACCOUNT


def messages_without_gateway(session: Session, sequence: SequenceText, clinic_id: UUID) -> list[JsonDict]:
    """Return a warning for each message of the sequence that has no gateway or account in the clinic."""
    found = _uses_without_sender(session, sequence, clinic_id)
    return [{"pointer": use.pointer, "message": why} for use, why in found]


def _uses_without_sender(
    session: Session, sequence: SequenceText, clinic_id: UUID
) -> list[tuple[GatewayUse | AccountUse, str]]:
    steps = [{step.kind: {**step.settings}} for step in sequence.steps if step.kind == Kind.SEND_MESSAGE]
    needs_any = any(True for _ in sender_uses(steps))
    return uses_without_sender(load_choices(session, clinic_id), steps, "/steps") if needs_any else []


def active_sequence(session: Session, clinic: ClinicContext, slug: str) -> SequenceText | None:
    """Return the sequence with this slug if it is active."""
    known = sequences_of(session, clinic)
    sequence = known.by_slug.get(slug)
    return sequence if sequence is not None and sequence.id in known.active else None


def _enroll_batch(session: Session, work: _Work, at: datetime) -> int:
    run, nurture = work.run, work.nurture
    limit = _batch_limit(run, nurture)
    wanted = matching_leads(nurture, work.sequence, at=at).where(after_position(run.reached_score, run.reached_id))
    leads = session.execute(wanted.limit(limit)).all()
    if leads:
        enrolled = enroll(session, work.clinic, work.sequence.slug, _causes(work, leads), at=at, by=run.asked_by)
        _count(run, enrolled.values())
        run.reached_score, run.reached_id = leads[-1].score, leads[-1].id
    if len(leads) < limit or not _batch_limit(run, nurture):
        run.state, run.finished_at = RunState.DONE, at
    return max(len(leads), 1)


def _batch_limit(run: NurtureRun, nurture: Nurture) -> int:
    """Return the size of the next batch; 0 if the nurture's limit is reached or was lowered below the number taken."""
    return nurture.batch if nurture.most is None else max(min(nurture.batch, nurture.most - run.taken), 0)


def _causes(work: _Work, leads: Sequence[Row[UUID, int | None]]) -> Mapping[UUID, JsonObject]:
    run = work.run
    cause = {
        OF_MANY: True,
        "nurture": work.nurture.name,
        "event": EVENT,
        "event_id": str(run.id),
        "subject_id": str(run.nurture_id),
        "occurred_at": run.scheduled_for.isoformat(),
    }
    return {lead.id: cause for lead in leads}


def _count(run: NurtureRun, enrolled: Iterable[EnrollmentResult]) -> None:
    results = Counter(enrolled)
    run.taken += results.pop(EnrollmentResult.ENROLLED, 0)
    run.refused = dict(Counter(run.refused) + Counter({str(result): times for result, times in results.items()}))


def _stop(run: NurtureRun, reason: RunReason, at: datetime) -> int:
    run.state, run.reason, run.finished_at = RunState.STOPPED, reason, at
    return 1

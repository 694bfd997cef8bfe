"""Runs of nurtures: found when it is their hour, and worked off in batches, each a transaction of its caller's.

A run that was cut off goes on behind the last lead that it looked at; one that missed its hour is run once if it is not
too late, and noted as missed if it is. Of the leads that it takes the sequence makes what it makes of all others.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from app.automation.nurtures.finding import beyond, leads_for
from app.automation.nurtures.hours import next_run, runs_between
from app.automation.nurtures.models import Nurture, NurtureRun, RunReason, RunState
from app.automation.sequences.enrollments.enroll import Enrolled, enroll
from app.clock import now
from app.core.db import insert_many, new_id
from app.engine.sequences.definitions import sequences_of
from app.engine.sequences.sequence import Sequence as SequenceText
from app.identity.clinic_context import ClinicContext
from app.identity.clinics import load_context, load_contexts

LATEST: Final = timedelta(
    hours=4
)  # after its hour: the next one is five hours later, and nobody is written to at night
AT_ONCE: Final = 100  # nurtures whose hour it is
EVENT: Final = "nurture.run"  # what steps name as their cause

_ONLY_NEW: Final = "ON CONFLICT (nurture_id, scheduled_for) DO NOTHING RETURNING id"


def plan_runs(session: Session) -> int:
    """Write down the runs whose hour has come since the last look; returns how many nurtures that concerned."""
    at = now()
    due = select(Nurture).where(Nurture.next_run_at <= at).order_by(Nurture.next_run_at).limit(AT_ONCE)
    nurtures = session.scalars(due.with_for_update(skip_locked=True)).all()
    clinics = load_contexts(session, {nurture.clinic_id for nurture in nurtures})
    rows = [row for nurture in nurtures for row in _due_runs(nurture, clinics[nurture.clinic_id], at)]
    insert_many(session, NurtureRun, rows, tail=_ONLY_NEW)
    return len(nurtures)


def _due_runs(nurture: Nurture, clinic: ClinicContext, at: datetime) -> list[dict[str, Any]]:
    """The last one of them, if it is not too late; whatever came before it, or is too late, was missed."""
    assert nurture.next_run_at is not None  # noqa: S101  (it was found by that)
    times = runs_between(nurture.run_hours, nurture.days, clinic.calendar, since=nurture.next_run_at, until=at)
    set_next_run(nurture, clinic, after=at)
    return [run_row(nurture, time, at, is_missed=time is not times[-1] or at - time > LATEST) for time in times]


def set_next_run(nurture: Nurture, clinic: ClinicContext, *, after: datetime) -> None:
    """Its next hour after that instant, if it is switched on."""
    upcoming = next_run(nurture.run_hours, nurture.days, clinic.calendar, after=after)
    nurture.next_run_at = upcoming if nurture.is_active else None


def run_row(
    nurture: Nurture, scheduled_for: datetime, at: datetime, *, is_missed: bool = False, by: UUID | None = None
) -> dict[str, Any]:
    """A run that waits for its first batch, or one that was missed."""
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
    """A run, and what it is made of."""

    run: NurtureRun
    nurture: Nurture
    clinic: ClinicContext
    sequence: SequenceText


def work_on_a_run(session: Session) -> int:
    """Take the next batch of the run that waits longest; returns how many leads it looked at, at least 1 for a run."""
    is_open = select(NurtureRun).where(NurtureRun.finished_at.is_(None))
    in_turn = is_open.order_by(NurtureRun.worked_at.nulls_first(), NurtureRun.id).limit(1)
    run = session.scalars(in_turn.with_for_update(skip_locked=True)).one_or_none()
    if run is None:
        return 0
    at = now()
    run.state, run.started_at, run.worked_at = RunState.RUNNING, run.started_at or at, at
    work = _prepared(session, run)
    return _take_batch(session, work, at) if isinstance(work, _Work) else _stop(run, work, at)


def _prepared(session: Session, run: NurtureRun) -> _Work | RunReason:
    """What it takes to go on; or why it cannot. A run that somebody asked for needs no nurture that is switched on."""
    nurture = session.get_one(Nurture, run.nurture_id)
    if not nurture.is_active and run.asked_by is None:
        return RunReason.NURTURE_INACTIVE
    clinic = load_context(session, run.clinic_id)
    sequence = active_sequence(session, clinic, nurture.sequence)
    return RunReason.SEQUENCE_INACTIVE if sequence is None else _Work(run, nurture, clinic, sequence)


def active_sequence(session: Session, clinic: ClinicContext, slug: str) -> SequenceText | None:
    """The sequence of that name, if leads can be enrolled into it."""
    known = sequences_of(session, clinic)
    sequence = known.by_slug.get(slug)
    return sequence if sequence is not None and sequence.id in known.active else None


def _take_batch(session: Session, work: _Work, at: datetime) -> int:
    run, nurture = work.run, work.nurture
    room = _room(run, nurture)
    wanted = leads_for(nurture, work.sequence, at=at).where(beyond(run.reached_score, run.reached_id))
    leads = session.execute(wanted.limit(room)).all()
    if leads:
        came = enroll(session, work.clinic, work.sequence.slug, _causes(run, leads), at=at, by=run.asked_by)
        _count(run, came.values())
        run.reached_score, run.reached_id = leads[-1].score, leads[-1].id
    if len(leads) < room or not _room(run, nurture):
        run.state, run.finished_at = RunState.DONE, at
    return max(len(leads), 1)


def _room(run: NurtureRun, nurture: Nurture) -> int:
    """How many more may be taken at once; none also where somebody allowed fewer since it began."""
    return nurture.batch if nurture.most is None else max(min(nurture.batch, nurture.most - run.taken), 0)


def _causes(run: NurtureRun, leads: Sequence[Row[UUID, int | None]]) -> Mapping[UUID, Mapping[str, Any]]:
    cause = {
        "event": EVENT,
        "event_id": str(run.id),
        "subject_id": str(run.nurture_id),
        "occurred_at": run.scheduled_for.isoformat(),
    }
    return {lead.id: cause for lead in leads}


def _count(run: NurtureRun, came: Iterable[Enrolled]) -> None:
    results = Counter(came)
    run.taken += results.pop(Enrolled.ENROLLED, 0)
    run.refused = dict(Counter(run.refused) + Counter({str(result): times for result, times in results.items()}))


def _stop(run: NurtureRun, reason: RunReason, at: datetime) -> int:
    run.state, run.reason, run.finished_at = RunState.STOPPED, reason, at
    return 1

"""The one path that every step runs: claim, load, guard, decide, write, record, commit, publish.

Kinds that call another system stop half-way. They commit `running` with a lease, call while no transaction is open,
and record the answer in a second transaction.
"""

import time
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import lru_cache, partial
from uuid import UUID

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from sqlalchemy.orm import Session

from app import clock
from app.config import get_settings
from app.core.db import transaction
from app.engine.outcomes import ExternalCall
from app.engine.step_kind import STEP_KINDS
from app.engine.steps import publish
from app.engine.steps.publish import WakeUp, after_commit
from workers.database_restarts import is_transient, retry_on_database_restart
from workers.error_text import describe_error
from workers.pipeline import metrics
from workers.pipeline.claim import (
    ClaimedStep,
    PendingStep,
    claim,
    claim_turn,
    find_pending,
    lock_unclaimed,
    prefer_indexes,
)
from workers.pipeline.context import bare, load
from workers.pipeline.due_steps.turns import Turns
from workers.pipeline.external_calls.make_calls import make_calls
from workers.pipeline.external_calls.one_by_one import CannotWrite, OneByOne
from workers.pipeline.external_calls.read_ahead import ReadAhead, read, read_ahead_of
from workers.pipeline.outcome_recorder import STARTED_ERROR, STARTED_TOGETHER_ERROR, record_start, record_starts
from workers.pipeline.outcomes.bundle_mails import bundle_mails
from workers.pipeline.outcomes.decide import decide_all
from workers.pipeline.outcomes.spread_tasks import spread_tasks
from workers.pipeline.outcomes.write import record_answers, write_outcomes
from workers.pipeline.step_spans import Phases, add_spans
from workers.pipeline.task_turns import save_turns

LOCKED_LEAD_DELAY = timedelta(milliseconds=100)  # for a step whose lead is locked by another transaction
KILLED_ERROR = "The process that ran it ended."
LOST_CONNECTION_DELAY = timedelta(seconds=1)  # the connection of a killed process may still hold its locks

log = structlog.get_logger()


def run(kind: str, ids: Sequence[UUID], *, clinic_id: UUID | None = None, among: Collection[str] | None = None) -> int:
    """Run the steps of a message, and other due steps by turns of clinics. Returns the number of steps run.

    It continues while more is due and `drain_seconds` have not passed. So single messages, and the backlog after a
    downtime, are drained in batches too. A message only wakes a worker: its place in the queue does not decide when
    another clinic's steps run.

    `clinic_id` is the clinic of the steps, None for messages of older versions. `among` are the kinds that take
    turns; by default, only the message's own.
    """
    until = time.monotonic() + get_settings().drain_seconds
    turns = turns_of(frozenset(among or {kind}))
    turns.restart()
    ran, wanted = 0, list(ids)
    is_slow = STEP_KINDS[kind].outside is not None  # one call may take seconds: even the first waits for its turn
    while True:
        if turns.is_stale and (ran or is_slow or not wanted):
            retry_on_database_restart(partial(_look, turns), kind=kind)
        own = [] if turns.is_ahead(clinic_id) else wanted
        next_kind = kind if own else turns.next_kind()
        if next_kind is None:
            break
        batch = partial(_run_batch, next_kind, own, turns)
        number, left = retry_on_database_restart(batch, kind=next_kind, steps=len(own))
        ran += number
        wanted = left if own else wanted
        if time.monotonic() > until:
            break
    if wanted:
        with transaction() as session:
            _wake_unclaimed(session, wanted)
    publish.flush()  # follow-up messages reach the broker before this message is acknowledged
    return ran


@lru_cache(maxsize=16)
def turns_of(kinds: frozenset[str]) -> Turns:
    """Return the turns of this process, which remember how long each clinic's steps took."""
    return Turns(kinds)


def _look(turns: Turns) -> None:
    with transaction() as session:
        turns.look(session, now=clock.now())


def run_again(kind: str, ids: Sequence[UUID]) -> int:
    """Run the steps of a redelivered message. Returns the number of steps run.

    The process that had the message ended without acknowledging it. One of the steps may have killed it (memory, or
    a crash in C). So the steps are flagged, and run together. If they are found flagged, they did not finish, and each
    is flagged and run alone. A step that is found flagged alone did not finish; that counts as a try. After the last
    allowed try the step becomes a dead letter instead of another crash.
    """
    ran, size = 0, STEP_KINDS[kind].batch
    for start in range(0, len(ids), size):
        suspects = own = ids[start : start + size]
        if len(own) > 1:
            fresh, suspects = retry_on_database_restart(partial(_flag, kind, own), kind=kind, steps=len(own))
            if fresh:
                ran += retry_on_database_restart(partial(_run_together, kind, fresh), kind=kind, steps=len(fresh))
        ran += sum(retry_on_database_restart(partial(_run_suspect, kind, one), kind=kind, steps=1) for one in suspects)
    publish.flush()
    return ran


def _flag(kind: str, ids: Sequence[UUID]) -> tuple[list[UUID], list[UUID]]:
    """Flag the due steps. Returns those that had no flag, and those that had one."""
    with transaction() as session:
        now = clock.now()
        rows = claim(session, kind, ids, now=now, most=len(ids))
        missing = set(ids) - {
            row.id for row in rows
        }  # done, not due, or locked by the connection of the killed process
        if missing:
            _wake(session, find_pending(session, missing), soonest=now + LOST_CONNECTION_DELAY)
        suspects = [row.id for row in rows if row.error in (STARTED_ERROR, STARTED_TOGETHER_ERROR)]
        fresh = [row.id for row in rows if row.id not in suspects]
        record_starts(session, fresh)
    return fresh, suspects


def _run_suspect(kind: str, step_id: UUID) -> int:
    with transaction() as session:
        now = clock.now()
        rows = claim(session, kind, [step_id], now=now, most=1)
        if not rows:  # done, not due, or still locked by the connection of the killed process
            _wake(session, find_pending(session, [step_id]), soonest=now + LOST_CONNECTION_DELAY)
            return 0
        [row] = rows
        was_started = row.error == STARTED_ERROR
        is_last_try = was_started and row.attempts + 1 >= STEP_KINDS[kind].max_tries
        if is_last_try:
            context = bare(row, now=now)
            write_outcomes(session, [(context, STEP_KINDS[kind].raised(context, KILLED_ERROR))])
        else:
            record_start(session, row.id, tries=row.attempts + was_started)
    return 1 if is_last_try else _run_alone(kind, step_id)


class _Poisoned(Exception):
    """A row of the batch could not be written, so the whole batch was rolled back."""

    def __init__(self, ids: Sequence[UUID]) -> None:
        super().__init__(ids)
        self.ids = ids


def _run_batch(kind: str, ids: Sequence[UUID], turns: Turns) -> tuple[int, list[UUID]]:
    """Run the first steps of these and others by turns. Returns the number of steps run, and those of `ids` left."""
    ahead = read_ahead_of(kind)
    if (most := ahead.next_size()) > 1:
        claimed, left = _run_one_by_one(ahead, kind, ids, turns, most=most)
        if claimed:
            return claimed, left
        ids = left
    most = STEP_KINDS[kind].batch
    return _run_together(kind, ids[:most], turns), list(ids[most:])


def _run_one_by_one(
    ahead: ReadAhead, kind: str, ids: Sequence[UUID], turns: Turns, *, most: int
) -> tuple[int, list[UUID]]:
    """Read the next messages together, then claim and send each. Returns the number of those, and the ids left."""
    started, own = time.monotonic(), ids[:most]
    try:
        with transaction() as session:
            batch = read(session, kind, own, turns, most=most)
            missing = set(own) - batch.own
            metrics.refuse(len(missing) - _wake_unclaimed(session, missing))
    except Exception as error:
        if isinstance(error, SoftTimeLimitExceeded) or is_transient(error):
            raise
        log.warning("batch.split", kind=kind, steps=len(own))  # the step that fails alone logs the error
        ahead.note(most, 0)
        return 0, list(ids)
    sender = OneByOne(batch)
    try:
        sender.send()
    except CannotWrite as error:
        log.warning("batch.split", kind=kind, steps=1)
        sender.claimed.add(error.step_id)
        _run_alone(kind, error.step_id)
    finally:
        batch.settle(turns, sender.claimed)
        ahead.note(len(batch.clinics), len(sender.claimed))
    turns.charge([batch.clinics[step_id] for step_id in sender.claimed], time.monotonic() - started)
    done = missing | sender.claimed
    return len(sender.claimed), [step_id for step_id in ids if step_id not in done]


def _run_together(kind: str, ids: Sequence[UUID], turns: Turns | None = None) -> int:
    try:
        return _attempt(kind, ids, turns)
    except _Poisoned as poisoned:
        log.warning("batch.split", kind=kind, steps=len(poisoned.ids))  # the step that fails alone logs the error
        with transaction() as session:
            _wake_unclaimed(session, set(ids) - set(poisoned.ids))
        return sum(_run_alone(kind, step_id) for step_id in poisoned.ids)


def _run_alone(kind: str, step_id: UUID) -> int:
    """Run one step in its own transaction. A write error counts as a failed attempt of this step."""
    try:
        return _attempt(kind, [step_id])
    except _Poisoned as poisoned:
        error = describe_error(poisoned.__cause__)
        log.exception("step.failed", step=str(step_id), kind=kind)
    with transaction() as session:
        now = clock.now()
        # A minimal context, because loading the full one may be the error.
        contexts = [bare(row, now=now) for row in claim(session, kind, [step_id], now=now, most=1)]
        write_outcomes(session, [(context, STEP_KINDS[kind].raised(context, error)) for context in contexts])
    return len(contexts)


def _attempt(kind: str, ids: Sequence[UUID], turns: Turns | None = None) -> int:
    """Run one batch in one transaction. External calls follow after the commit.

    The batch is these steps and, with `turns`, further due steps of the clinics whose turn it is.
    """
    started = time.monotonic()
    with transaction() as session:
        prefer_indexes(session)
        now = clock.now()
        phases = Phases(now)
        rows = claim(session, kind, ids, now=now, most=STEP_KINDS[kind].batch)
        if turns:
            rows += _claim_turn(session, kind, rows, turns, now=now)
        missing = set(ids) - {row.id for row in rows}
        metrics.refuse(len(missing) - _wake_unclaimed(session, missing))
        phases.end("claim")
        try:
            contexts = load(session, rows, now=now)
            phases.end("load")
            decided = bundle_mails(session, spread_tasks(session, decide_all(contexts)))
            save_turns(session, contexts)
            phases.end("decide")
            lease = write_outcomes(session, decided)
        except SoftTimeLimitExceeded:
            raise
        except Exception as error:
            if is_transient(error):
                raise
            raise _Poisoned([row.id for row in rows]) from error
    phases.end("write")
    add_spans(decided, phases)
    for ends in make_calls([(context, end) for context, end in decided if isinstance(end, ExternalCall)]):
        alone = phases.copy()
        alone.end("call")
        retry_on_database_restart(partial(record_answers, ends, lease), step=str(ends[0][0].step.id))
        alone.end("record")
        add_spans(ends, alone)
    if turns:
        turns.charge([row.clinic_id for row in rows], time.monotonic() - started)
    return len(rows)


def _claim_turn(
    session: Session, kind: str, own: Sequence[ClaimedStep], turns: Turns, *, now: datetime
) -> list[ClaimedStep]:
    """Fill the batch with due steps of the clinics whose turn it is."""
    room = STEP_KINDS[kind].batch - len(own)
    if room and turns.is_stale:
        turns.look(session, now=now)
    turn = turns.share_out(kind, room)
    rows = claim_turn(session, turn, now=now, besides=[row.id for row in own])
    turns.settle(turn, rows)
    return rows


def _wake_unclaimed(session: Session, ids: Collection[UUID]) -> int:
    """Publish again the pending steps that were not claimed and that no other worker holds. Returns their number."""
    left = lock_unclaimed(session, ids)
    _wake(session, left, soonest=clock.now() + LOCKED_LEAD_DELAY)
    return len(left)


def _wake(session: Session, rows: Sequence[PendingStep], *, soonest: datetime) -> None:
    free = [row for row in rows if not row.is_held]  # `relance resume` publishes all others
    wake_ups = [WakeUp(row.id, row.kind, row.name, max(row.due_at, soonest), row.clinic_id) for row in free]
    after_commit(session, wake_ups)

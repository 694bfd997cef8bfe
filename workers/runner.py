"""The one path that every step runs: claim, load, guard, decide, write, record, commit, publish.

Kinds that talk to the outside stop half-way: they commit `running` with a lease, ask while no transaction is
open, and record the answer in a second one.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app import clock
from app.automation.handlers.context import StepContext
from app.automation.handlers.guard import decide
from app.config import get_settings
from app.core.db import engine, transaction
from app.engine.outcomes import ExternalCall, Outcome
from app.engine.step_kind import STEP_KINDS
from app.engine.steps import publish
from app.engine.steps.publish import WakeUp, after_commit
from app.messaging.contact_policy.contact_attempts import priority_of
from app.messaging.contact_policy.facts import SentMessage
from workers.error_text import words
from workers.pipeline import metrics, outcome_statistics
from workers.pipeline.claim import claim, left_over, still_asking, still_pending
from workers.pipeline.contact_context import gone_to_lead
from workers.pipeline.context import bare, load
from workers.pipeline.effects_writer import write
from workers.pipeline.outcome_recorder import BEGUN, mark_begun, record, record_running

AGAIN_IN = timedelta(milliseconds=100)  # for a step whose lead was just being written
KILLED = "The process that ran it ended."
SOON = timedelta(seconds=1)  # for one that the connection of a process that ended may still hold
LOCK_NOT_AVAILABLE = "55P03"
PAUSES = (0.1, 0.5, 2.0, 5.0)  # seconds between tries while the database is away

Made = TypeVar("Made")

log = structlog.get_logger()


def run(kind: str, ids: Sequence[UUID]) -> int:
    """Run the steps a message names, and due neighbours of their kind; returns how many were run.

    It goes on while more is due and the message's time lasts, so that a flood of single messages, or the
    backlog after a downtime, drains in batches too.
    """
    until = time.monotonic() + get_settings().drain_seconds
    most, ran, wanted = STEP_KINDS[kind].batch, 0, list(ids)
    while True:
        batch, wanted = wanted[:most], wanted[most:]
        claimed = _outlasting_a_restart(partial(_run_batch, kind, batch), kind=kind, steps=len(batch))
        ran += claimed
        if (claimed < most and not wanted) or time.monotonic() > until:
            break
    if wanted:
        with transaction() as session:
            _wake_again(session, wanted)
    publish.flush()  # what follows is at the broker before this message is acknowledged
    return ran


def run_again(kind: str, ids: Sequence[UUID]) -> int:
    """Run the steps of a message that came before, one by one: whoever had it ended without an answer.

    Mostly it had only held the message. But one of the steps may have killed it, by memory or by a crash in C: so each
    is marked before it is run, and one that is found marked has not lived to its end. That counts as a try, and the
    last one allowed makes a dead letter instead of another crash.
    """
    ran = sum(_outlasting_a_restart(partial(_run_suspect, kind, step_id), kind=kind, steps=1) for step_id in ids)
    publish.flush()
    return ran


def _run_suspect(kind: str, step_id: UUID) -> int:
    with transaction() as session:
        now = clock.now()
        rows = claim(session, kind, [step_id], now=now, most=1, alone=True)
        if not rows:  # done, not due, or still held by the connection of the one that ended
            _wake(session, still_pending(session, [step_id]), soonest=now + SOON)
            return 0
        [row] = rows
        is_marked = row.error == BEGUN
        given_up = is_marked and row.attempts + 1 >= STEP_KINDS[kind].max_tries
        if given_up:
            context = bare(row, now=now)
            _write_down(session, [(context, STEP_KINDS[kind].raised(context, KILLED))])
        else:
            mark_begun(session, row.id, tries=row.attempts + is_marked)
    return 1 if given_up else _run_alone(kind, step_id)


def _outlasting_a_restart(act: Callable[[], Made], **about: Any) -> Made:
    """While the database restarts, wait for it: rather than leave steps to the sweep, or an answer unrecorded."""
    for pause in PAUSES:
        try:
            return act()
        except OperationalError as error:
            if not _will_pass(error):
                raise
            log.warning("database.away", **about, because=words(error), again_in=pause)
            time.sleep(pause)
            engine().dispose()  # one connection died in the pool, by a restart perhaps: then so did the others
    return act()


def _will_pass(error: Exception) -> bool:
    """Whether it is the database's trouble and not the steps': away, restarting, or somebody in the way."""
    if not isinstance(error, OperationalError):
        return False
    state = getattr(error.orig, "sqlstate", None) or ""
    return state[:2] in {"", "08", "40", "53"} or state[:3] == "57P" or state == LOCK_NOT_AVAILABLE


class _Poisoned(Exception):
    """Something of the batch could not be written, so nothing of it was."""

    def __init__(self, ids: Sequence[UUID]) -> None:
        super().__init__(ids)
        self.ids = ids


def _run_batch(kind: str, ids: Sequence[UUID]) -> int:
    try:
        return _attempt(kind, ids)
    except _Poisoned as poisoned:
        log.warning("batch.split", kind=kind, steps=len(poisoned.ids))  # why, the one tells that fails alone
        with transaction() as session:
            _wake_again(session, set(ids) - set(poisoned.ids))
        return sum(_run_alone(kind, step_id) for step_id in poisoned.ids)


def _run_alone(kind: str, step_id: UUID) -> int:
    """One step in a transaction of its own: what cannot be written counts as a failed attempt of this one."""
    try:
        return _attempt(kind, [step_id], alone=True)
    except _Poisoned as poisoned:
        error = words(poisoned.__cause__)
        log.exception("step.failed", step=str(step_id), kind=kind)
    with transaction() as session:
        now = clock.now()
        # With a bare context, for its own may be what cannot be loaded.
        contexts = [bare(row, now=now) for row in claim(session, kind, [step_id], now=now, most=1, alone=True)]
        _write_down(session, [(context, STEP_KINDS[kind].raised(context, error)) for context in contexts])
    return len(contexts)


def _attempt(kind: str, ids: Sequence[UUID], *, alone: bool = False) -> int:
    """One batch in one transaction; whoever is outside is asked after it."""
    with transaction() as session:
        now = clock.now()
        rows = claim(session, kind, ids, now=now, most=STEP_KINDS[kind].batch, alone=alone)
        missing = set(ids) - {row.id for row in rows}
        metrics.refuse(len(missing) - _wake_again(session, missing))
        try:
            decided = _decide_all(load(session, rows, now=now))
            lease = _write_down(session, decided)
        except SoftTimeLimitExceeded:
            raise
        except Exception as error:
            if _will_pass(error):
                raise
            raise _Poisoned([row.id for row in rows]) from error
    for context, end in decided:
        if isinstance(end, ExternalCall):
            _ask(context, end, lease)
    return len(rows)


def _decide_all(contexts: Sequence[StepContext]) -> list[tuple[StepContext, Outcome | ExternalCall]]:
    """What matters more is decided first, then what is due or was planned earlier; what goes counts for the next."""
    gone: dict[UUID | None, list[SentMessage]] = defaultdict(list)
    decided: list[tuple[StepContext, Outcome | ExternalCall]] = []
    for context in sorted(contexts, key=_turn):
        lead_id = context.step.lead_id
        end = _decide(context.after(gone[lead_id]))
        gone[lead_id] += gone_to_lead(end)
        decided.append((context, end))
    return decided


def _turn(context: StepContext) -> tuple[int, datetime, UUID]:
    step = context.step
    return priority_of(step), step.due_at, step.id  # ids tell when: of two that waited for one moment, the older one


def _decide(context: StepContext) -> Outcome | ExternalCall:
    kind = STEP_KINDS[context.step.kind]
    try:
        return decide(kind, context)
    except Exception as error:
        log.exception("step.raised", step=str(context.step.id), name=context.step.name)
        return kind.raised(context, words(error))


def _write_down(session: Session, decided: Sequence[tuple[StepContext, Outcome | ExternalCall]]) -> datetime:
    """Write what the steps did and that they did it; returns until when the answers of those outside count."""
    lease = clock.now() + timedelta(seconds=get_settings().lease_seconds)
    write(session, decided)
    record_running(session, [context.step.id for context, end in decided if isinstance(end, ExternalCall)], lease=lease)
    ended = [(context, end) for context, end in decided if not isinstance(end, ExternalCall)]
    record(session, ended)
    metrics.count(session, ended)
    outcome_statistics.count(session, ended)
    return lease


def _ask(context: StepContext, ask: ExternalCall, lease: datetime) -> None:
    """Ask, with no transaction open: the answer may take as long as the other side likes."""
    outside = STEP_KINDS[context.step.kind].outside
    assert outside is not None  # noqa: S101  (only such kinds ask)
    try:
        answer = outside.ask(ask.question)
    except Exception as error:
        log.exception("step.cut_off", step=str(context.step.id), name=context.step.name)
        end = outside.cut_off(context, ask.question, words(error))
    else:
        end = outside.conclude(context, ask.question, answer)
    _outlasting_a_restart(partial(_conclude, context, end, lease), step=str(context.step.id))


def _conclude(context: StepContext, end: Outcome, lease: datetime) -> None:
    with transaction() as session:
        if still_asking(session, context.step.id, lease):
            _write_down(session, [(context, end)])


def _wake_again(session: Session, ids: Collection[UUID]) -> int:
    """Steps of a message that nobody has in hand and that could not be taken: their moment comes again."""
    left = left_over(session, ids)
    _wake(session, left, soonest=clock.now() + AGAIN_IN)
    return len(left)


def _wake(session: Session, rows: Sequence[Any], *, soonest: datetime) -> None:
    after_commit(session, [WakeUp(row.id, row.kind, row.name, max(row.due_at, soonest)) for row in rows])

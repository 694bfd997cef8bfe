"""Record the outcome of each step of a batch, in one statement."""

import random
from collections.abc import Sequence
from datetime import datetime
from functools import singledispatch
from itertools import groupby
from operator import attrgetter
from typing import cast
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.automation.handlers.support.context import StepContext
from app.config import get_settings
from app.core.database.driver_sql import driver_sql, execute_driver_sql
from app.core.db import update_many
from app.core.live_events.changes import note_leads
from app.core.live_events.entries import LiveKind
from app.engine.models import Step, StepState
from app.engine.outcomes import Cancel, Done, Fail, Outcome, ResultUnknown, Retry, Row, Skip, Snooze
from app.engine.step_kind import STEP_KINDS
from app.engine.steps.backoff import backoff
from app.engine.steps.moves import moves_of_snooze
from app.engine.steps.publish import WakeUp, after_commit, horizon
from workers.pipeline.claim import ClaimedStep
from workers.pipeline.waits.confirm import confirm_waits

LONGEST_ERROR = 1000
STARTED_ERROR = "It was begun, after a process that had it ended."  # the error of a redelivered step while it runs
STARTED_TOGETHER_ERROR = "It was begun with others, after a process that had them ended."

_CHANGED = ("state", "reason", "waits_for", "outcome", "error", "attempts", "due_at", "published_at", "finished_at")
_RECORD_START = text("UPDATE steps SET attempts = :tries, error = :mark WHERE id = :id")
_RECORD_STARTS = text("UPDATE steps SET error = :mark WHERE id = ANY(:ids)")
_RUNNING = driver_sql("UPDATE steps SET state = 'running', waits_for = NULL, lease_until = :lease WHERE id = ANY(:ids)")


def record(session: Session, ends: Sequence[tuple[StepContext, Outcome]]) -> None:
    """Record each outcome. A step to be retried becomes planned, or is published at once if it is due soon."""
    if not ends:
        return
    now = clock.now()
    ends = confirm_waits(session, ends, now=now)
    rows = [_row(context, outcome, now) for context, outcome in ends]
    update_many(session, Step, rows, _CHANGED, if_given=("moves",), also="lease_until = NULL")
    _note_live(session, ends)
    after_commit(
        session,
        [
            _wake_up(row, cast("ClaimedStep", context.step))
            for row, (context, _) in zip(rows, ends, strict=True)
            if row["state"] is StepState.PUBLISHED
        ],
    )


def _note_live(session: Session, ends: Sequence[tuple[StepContext, Outcome]]) -> None:
    """Note the leads whose steps ended, or were postponed, for live updates: set-wise, by clinic."""
    steps = [cast("ClaimedStep", context.step) for context, _ in ends]  # the context of a poisoned step has no clinic
    for clinic_id, of_clinic in groupby(steps, key=attrgetter("clinic_id")):
        note_leads(session, clinic_id, LiveKind.STEP_CHANGED, (step.lead_id for step in of_clinic))


def _wake_up(row: Row, step: "ClaimedStep") -> WakeUp:
    return WakeUp(row["id"], step.kind, step.name, row["due_at"], step.clinic_id)


def record_running(session: Session, ids: Sequence[UUID], *, lease: datetime) -> None:
    """Set the steps to `running`, with a lease, before an external call."""
    if ids:
        execute_driver_sql(session, _RUNNING, {"ids": list(ids), "lease": lease})


def record_start(session: Session, step_id: UUID, *, tries: int) -> None:
    """Flag a step before it runs. A step that is found with the flag did not finish."""
    session.execute(_RECORD_START, {"id": step_id, "tries": tries, "mark": STARTED_ERROR})


def record_starts(session: Session, ids: Sequence[UUID]) -> None:
    """Flag steps before they run together. If one is found with the flag, one of them did not let the others finish."""
    session.execute(_RECORD_STARTS, {"ids": list(ids), "mark": STARTED_TOGETHER_ERROR})


def _row(context: StepContext, outcome: Outcome, now: datetime) -> Row:
    step = cast("ClaimedStep", context.step)
    same = {
        "id": step.id,
        "due_at": step.due_at,
        "published_at": step.published_at,
        "finished_at": now,
        "reason": None,
        "waits_for": None,
        "outcome": None,
        "error": None if step.error in (STARTED_ERROR, STARTED_TOGETHER_ERROR) else step.error,
    }
    changes = changes_of(outcome)
    if isinstance(outcome, Snooze):
        changes["moves"] = moves_of_snooze(step.moves, step.due_at, outcome)
    if isinstance(outcome, Retry):
        changes |= _retry(step.attempts + 1, STEP_KINDS[step.kind].max_tries, now, outcome)
    if "due_at" in changes:
        changes |= {"finished_at": None} | _reschedule(changes["due_at"], now)
    attempts = step.attempts + (not isinstance(outcome, Snooze))
    return same | {"attempts": attempts} | changes


def _retry(attempts: int, tries: int, now: datetime, outcome: Retry) -> Row:
    if attempts >= tries:
        return {"state": StepState.FAILED}
    settings = get_settings()
    wait = backoff(
        attempts,
        base=settings.retry_base_seconds,
        cap=settings.retry_cap_seconds,
        luck=random.random(),  # noqa: S311  (spreading load, not keeping secrets)
    )
    soonest = outcome.not_before or now
    return {"due_at": max(min(now + wait, outcome.not_after or now + wait), soonest)}


def _reschedule(due_at: datetime, now: datetime) -> Row:
    soon = due_at <= horizon(now)
    return {
        "state": StepState.PUBLISHED if soon else StepState.PLANNED,
        "published_at": now if soon else None,
    }


@singledispatch
def changes_of(outcome: Outcome) -> Row:
    """Return the columns that an outcome sets."""
    raise TypeError(outcome)


@changes_of.register
def _(outcome: Done) -> Row:
    return {"state": StepState.DONE, "outcome": dict(outcome.made), "error": None}


@changes_of.register
def _(outcome: Skip) -> Row:
    return {"state": StepState.SKIPPED, "reason": outcome.reason, "outcome": dict(outcome.detail)}


@changes_of.register
def _(outcome: Cancel) -> Row:
    return {"state": StepState.CANCELLED, "reason": outcome.reason}


@changes_of.register
def _(outcome: Snooze) -> Row:
    kept = {"outcome": dict(outcome.detail)} if outcome.detail else {}
    return {"due_at": outcome.until, "reason": outcome.reason, "waits_for": outcome.waits_for, **kept}


@changes_of.register
def _(outcome: Retry) -> Row:
    return {"error": outcome.error[:LONGEST_ERROR]}


@changes_of.register
def _(outcome: Fail) -> Row:
    return {"state": StepState.FAILED, "error": outcome.error[:LONGEST_ERROR]}


@changes_of.register
def _(outcome: ResultUnknown) -> Row:
    return {"state": StepState.UNKNOWN, "error": outcome.error[:LONGEST_ERROR]}

"""Writing down how each step of a batch ended: one statement, whatever the ends."""

import random
from collections.abc import Sequence
from datetime import datetime
from functools import singledispatch
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.automation.handlers.context import StepContext
from app.config import get_settings
from app.core.db import update_many
from app.engine.models import Step, StepState
from app.engine.outcomes import Cancel, Done, Fail, Outcome, ResultUnknown, Retry, Skip, Snooze
from app.engine.service import horizon
from app.engine.step_kind import STEP_KINDS
from app.engine.steps.backoff import backoff
from app.engine.steps.publish import WakeUp, after_commit

LONGEST_ERROR = 1000
BEGUN = "It was begun, after a process that had it ended."  # the error of a step until its end is recorded

_CHANGED = ("state", "reason", "outcome", "error", "attempts", "due_at", "published_at", "finished_at")
_MARK_BEGUN = text("UPDATE steps SET attempts = :tries, error = :mark WHERE id = :id")
_RUNNING = text("UPDATE steps SET state = 'running', lease_until = :lease WHERE id = ANY(:ids)")


def record(session: Session, ends: Sequence[tuple[StepContext, Outcome]]) -> None:
    """Record each end; what is to run again goes back to planned, or to the broker when it is soon."""
    if not ends:
        return
    now = clock.now()
    rows = [_row(context, outcome, now) for context, outcome in ends]
    update_many(session, Step, rows, _CHANGED, also="lease_until = NULL")
    after_commit(
        session,
        [
            WakeUp(row["id"], context.step.kind, context.step.name, row["due_at"])
            for row, (context, _) in zip(rows, ends, strict=True)
            if row["state"] is StepState.PUBLISHED
        ],
    )


def record_running(session: Session, ids: Sequence[UUID], *, lease: datetime) -> None:
    """Say that somebody outside is about to be asked, and until when an answer counts as coming."""
    if ids:
        session.execute(_RUNNING, {"ids": list(ids), "lease": lease})


def mark_begun(session: Session, step_id: UUID, *, tries: int) -> None:
    """Say that it is about to be run, after so many tries; whoever finds the mark knows that it did not end."""
    session.execute(_MARK_BEGUN, {"id": step_id, "tries": tries, "mark": BEGUN})


def _row(context: StepContext, outcome: Outcome, now: datetime) -> dict[str, Any]:
    step: Any = context.step  # its row
    same = {
        "id": step.id,
        "due_at": step.due_at,
        "published_at": step.published_at,
        "finished_at": now,
        "reason": None,
        "outcome": None,
        "error": None if step.error == BEGUN else step.error,
    }
    changes = changes_of(outcome)
    if isinstance(outcome, Retry):
        changes |= _retry(step.attempts + 1, STEP_KINDS[step.kind].max_tries, now, not_before=outcome.not_before)
    if "due_at" in changes:
        changes |= {"finished_at": None} | _back_in_line(changes["due_at"], now)
    attempts = step.attempts + (not isinstance(outcome, Snooze))
    return same | {"attempts": attempts} | changes


def _retry(attempts: int, tries: int, now: datetime, *, not_before: datetime | None) -> dict[str, Any]:
    if attempts >= tries:
        return {"state": StepState.FAILED}
    settings = get_settings()
    wait = backoff(
        attempts,
        base=settings.retry_base_seconds,
        cap=settings.retry_cap_seconds,
        luck=random.random(),  # noqa: S311  (spreading load, not keeping secrets)
    )
    return {"due_at": max(now + wait, not_before or now)}


def _back_in_line(due_at: datetime, now: datetime) -> dict[str, Any]:
    soon = due_at <= horizon(now)
    return {
        "state": StepState.PUBLISHED if soon else StepState.PLANNED,
        "published_at": now if soon else None,
    }


@singledispatch
def changes_of(outcome: Outcome) -> dict[str, Any]:
    """The columns that an end sets."""
    raise TypeError(outcome)


@changes_of.register
def _(outcome: Done) -> dict[str, Any]:
    return {"state": StepState.DONE, "outcome": dict(outcome.made), "error": None}


@changes_of.register
def _(outcome: Skip) -> dict[str, Any]:
    return {"state": StepState.SKIPPED, "reason": outcome.reason, "outcome": dict(outcome.detail)}


@changes_of.register
def _(outcome: Cancel) -> dict[str, Any]:
    return {"state": StepState.CANCELLED, "reason": outcome.reason}


@changes_of.register
def _(outcome: Snooze) -> dict[str, Any]:
    kept = {"outcome": dict(outcome.detail)} if outcome.detail else {}
    return {"due_at": outcome.until, "reason": outcome.reason, **kept}


@changes_of.register
def _(outcome: Retry) -> dict[str, Any]:
    return {"error": outcome.error[:LONGEST_ERROR]}


@changes_of.register
def _(outcome: Fail) -> dict[str, Any]:
    return {"state": StepState.FAILED, "error": outcome.error[:LONGEST_ERROR]}


@changes_of.register
def _(outcome: ResultUnknown) -> dict[str, Any]:
    return {"state": StepState.UNKNOWN, "error": outcome.error[:LONGEST_ERROR]}

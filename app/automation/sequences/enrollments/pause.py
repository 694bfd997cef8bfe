"""Pausing enrollments, and going on with them: what was left of a wait is waited for then."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.automation.sequences.enrollments.transitions import Move, locked, move, texts, write
from app.automation.sequences.models import EnrollmentState, PauseReason
from app.core.calendar.calendar import Calendar
from app.engine.models import Reason
from app.identity.clinic_context import ClinicContext

_CALL_OFF: Final = text(
    "UPDATE steps SET state = 'cancelled', reason = :reason, finished_at = :now"
    " WHERE id = :id AND state IN ('planned', 'published') RETURNING due_at"
)
_SWITCHED_OFF: Final = "state = 'paused' AND reason = 'sequence_inactive'"
# In the order of their ids, as everybody who locks several.
_LOCK_LEADS: Final = text(
    "SELECT id FROM leads WHERE id IN (SELECT lead_id FROM enrollments WHERE sequence_id = :sequence"  # noqa: S608
    f" AND {_SWITCHED_OFF}) ORDER BY id FOR NO KEY UPDATE"
)
_HELD_UP: Final = text(f"SELECT id FROM enrollments WHERE sequence_id = :sequence AND {_SWITCHED_OFF}")  # noqa: S608


def pause(session: Session, row: Row[Any], *, at: datetime) -> None:
    """Hold an enrollment (its row, locked), with what is left of the wait for its next step.

    A step that is under way, or failed, stays its step. One that waits for a task goes on waiting.
    """
    due_at = call_off(session, row.step_id, Reason.PAUSED, at=at)
    state = {"id": row.id, "state": EnrollmentState.PAUSED, "reason": PauseReason.BY_HAND, "step": row.step}
    where = {"waits_for_task_id": row.waits_for_task_id, "step_id": row.step_id, "changed_at": at}
    if due_at is not None:
        where |= {"step_id": None, "seconds_left": max((due_at - at).total_seconds(), 0)}
    write(session, [state | where])


def resume(session: Session, row: Row[Any], calendar: Calendar, *, at: datetime) -> None:
    """Go on with one: what was left of the wait counts from `at`, through the calendar."""
    if row.step_id is not None or row.waits_for_task_id is not None:
        kept = {name: getattr(row, name) for name in ("id", "step", "step_id", "waits_for_task_id")}
        write(session, [{**kept, "state": EnrollmentState.ACTIVE, "changed_at": at}])
    else:
        _go_on(session, [row], calendar, at=at)


def resume_held_up(session: Session, clinic: ClinicContext, sequence_id: UUID, *, at: datetime) -> None:
    """A sequence is switched on again: whatever came due meanwhile is done now."""
    session.execute(_LOCK_LEADS, {"sequence": sequence_id})
    rows = locked(session, session.scalars(_HELD_UP, {"sequence": sequence_id}).all())
    _go_on(session, list(rows.values()), clinic.calendar, at=at)


def call_off(session: Session, step_id: UUID | None, reason: Reason, *, at: datetime) -> datetime | None:
    """Cancel a step that is planned; returns when it was due, None where there is no such step."""
    due_at: datetime | None = session.scalar(_CALL_OFF, {"id": step_id, "reason": reason, "now": at})
    return due_at


def _go_on(session: Session, rows: list[Row[Any]], calendar: Calendar, *, at: datetime) -> None:
    known = texts(session, rows)
    moves = []
    for row in rows:
        text_ = known[row.sequence_id, row.sequence_version]
        left = None if row.seconds_left is None else timedelta(seconds=row.seconds_left)
        moves.append(Move(row, text_, text_.step(row.step), calendar, left=left, resumes=True))
    move(session, moves, at=at)

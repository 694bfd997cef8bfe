"""Pause and resume enrollments. The remaining wait before the next step is kept."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.automation.sequences.enrollments.transitions import (
    EnrollmentRow,
    Move,
    lock_enrollments,
    move_enrollments,
    save_states,
    sequence_texts,
)
from app.automation.sequences.models import EnrollmentState, PauseReason
from app.core.calendar.calendar import Calendar
from app.engine.models import Reason
from app.identity.clinic_context import ClinicContext

_CANCEL_STEP: Final = text(
    "UPDATE steps SET state = 'cancelled', reason = :reason, finished_at = :now"
    " WHERE id = :id AND state IN ('planned', 'published') RETURNING due_at"
)
_WAITS_FOR_SEQUENCE: Final = "state = 'paused' AND reason = 'sequence_inactive'"
# Ordered by id, to avoid deadlocks.
_LOCK_LEADS: Final = text(
    "SELECT id FROM leads WHERE id IN (SELECT lead_id FROM enrollments WHERE sequence_id = :sequence"  # noqa: S608
    f" AND {_WAITS_FOR_SEQUENCE}) ORDER BY id FOR NO KEY UPDATE"
)
_WAITING: Final = text(f"SELECT id FROM enrollments WHERE sequence_id = :sequence AND {_WAITS_FOR_SEQUENCE}")  # noqa: S608
_OF_LEAD: Final = text(
    "SELECT id FROM enrollments WHERE lead_id = :lead AND state = :state"
    " AND (CAST(:reason AS text) IS NULL OR reason = :reason) ORDER BY id"
)


def pause(session: Session, row: EnrollmentRow, *, at: datetime, reason: PauseReason = PauseReason.BY_HAND) -> None:
    """Pause an enrollment (its locked row), and save the remaining wait before its next step.

    A step that is running or has failed stays the current step. An enrollment that waits for a task keeps waiting.
    """
    due_at = cancel_step(session, row.step_id, Reason.PAUSED, at=at)
    state = {"id": row.id, "state": EnrollmentState.PAUSED, "reason": reason, "step": row.step}
    where: dict[str, object] = {"waits_for_task_id": row.waits_for_task_id, "step_id": row.step_id, "changed_at": at}
    if due_at is not None:
        where |= {"step_id": None, "seconds_left": max((due_at - at).total_seconds(), 0)}
    save_states(session, [state | where])


def resume(session: Session, row: EnrollmentRow, calendar: Calendar, *, at: datetime) -> None:
    """Resume an enrollment (its locked row). The remaining wait counts from `at`, by the calendar."""
    if row.step_id is not None or row.waits_for_task_id is not None:
        unchanged = {name: getattr(row, name) for name in ("id", "step", "step_id", "waits_for_task_id")}
        save_states(session, [{**unchanged, "state": EnrollmentState.ACTIVE, "changed_at": at}])
    else:
        _continue(session, [row], calendar, at=at)


def pause_for_question(session: Session, lead_id: UUID, at: datetime) -> None:
    """Pause the active enrollments of a locked lead until a user decides whether the lead replied."""
    active = session.scalars(_OF_LEAD, {"lead": lead_id, "state": EnrollmentState.ACTIVE, "reason": None}).all()
    for row in lock_enrollments(session, active).values():
        pause(session, row, at=at, reason=PauseReason.QUESTION)


def resume_after_question(session: Session, clinic: ClinicContext, lead_id: UUID, at: datetime) -> None:
    """Resume the enrollments of a locked lead that a question paused."""
    given = {"lead": lead_id, "state": EnrollmentState.PAUSED, "reason": PauseReason.QUESTION}
    for row in lock_enrollments(session, session.scalars(_OF_LEAD, given).all()).values():
        resume(session, row, clinic.calendar, at=at)


def resume_waiting_enrollments(session: Session, clinic: ClinicContext, sequence_id: UUID, *, at: datetime) -> None:
    """Resume enrollments that had a due step while the sequence was inactive."""
    session.execute(_LOCK_LEADS, {"sequence": sequence_id})
    rows = lock_enrollments(session, session.scalars(_WAITING, {"sequence": sequence_id}).all())
    _continue(session, list(rows.values()), clinic.calendar, at=at)


def cancel_step(session: Session, step_id: UUID | None, reason: Reason, *, at: datetime) -> datetime | None:
    """Cancel a planned step. Return its due time; None if there is no such step."""
    due_at: datetime | None = session.scalar(_CANCEL_STEP, {"id": step_id, "reason": reason, "now": at})
    return due_at


def _continue(session: Session, rows: list[EnrollmentRow], calendar: Calendar, *, at: datetime) -> None:
    known = sequence_texts(session, rows)
    moves = []
    for row in rows:
        text_ = known[row.sequence_id, row.sequence_version]
        left = None if row.seconds_left is None else timedelta(seconds=row.seconds_left)
        moves.append(Move(row, text_, text_.step(row.step), calendar, left=left, resumes=True))
    move_enrollments(session, moves, at=at)

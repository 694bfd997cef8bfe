"""Advance enrollments when a step ends, in the same transaction."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple, Self
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.automation.sequences.enrollments.exit import end_enrollments
from app.automation.sequences.enrollments.transitions import (
    EnrollmentRow,
    Move,
    lock_enrollments,
    move_enrollments,
    save_states,
    sequence_texts,
)
from app.automation.sequences.models import EnrollmentState, EnrollmentStep, PauseReason
from app.core.calendar.calendar import Calendar
from app.core.db import insert_many, new_id
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.models import Reason
from app.engine.sequences.progression import StepResult
from app.engine.sequences.sequence import Sequence as SequenceText

RETRY_IN: Final = timedelta(seconds=5)  # for a step whose sequence another transaction has locked


class StepOutcome(StrEnum):
    """Outcome of a step of an enrollment."""

    DONE = "done"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class StepEnd:
    """The end of one step. `reason`: why it was skipped; None: it is done. `details`: the details of its outcome."""

    step_id: UUID | None  # None: a paused enrollment, whose next step is not planned
    kind: str
    cause: JsonObject
    calendar: Calendar
    reason: str | None
    details: JsonObject

    @property
    def enrollment_id(self) -> UUID:
        """Id of the step's enrollment."""
        return UUID(self.cause["enrollment_id"])


def advance(session: Session, ends: Sequence[StepEnd], *, at: datetime) -> None:
    """Save each step end; then move its enrollment to the next step, hold it or end it. Ended enrollments stay."""
    ids = [one.enrollment_id for one in ends]
    enrollments = lock_enrollments(session, ids)
    known = sequence_texts(session, enrollments.values())
    ended = [
        _EndedStep.of(one, row, known[row.sequence_id, row.sequence_version])
        for id_, one in zip(ids, ends, strict=True)
        if (row := enrollments.get(id_)) and row.step_id == one.step_id
    ]
    off = _lock_inactive(session, {one.row.sequence_id for one in ended if one.was_held_up})
    insert_many(session, EnrollmentStep, [_entry(one, at) for one in ended if not one.was_held_up])
    going: dict[bool, list[_EndedStep]] = {True: [], False: []}
    for one in ended:
        if reason := one.result.exit:
            end_enrollments(session, [one.row.id], reason=reason, at=at)
        else:
            going[one.holds(off)].append(one)
    save_states(session, [_waiting(one, at) for one in going[True]])
    move_enrollments(session, [one.next_move for one in going[False]], at=at)


def skip_step(session: Session, row: EnrollmentRow, calendar: Calendar, *, reason: Reason, at: datetime) -> None:
    """Skip the current step of an enrollment: planned, failed or waiting for its task. `row` is its locked row."""
    [sequence] = sequence_texts(session, [row]).values()
    step = sequence.step(row.step)
    session.execute(_SKIP, {"id": row.step_id, "reason": reason, "now": at})
    cause = {"enrollment_id": str(row.id)}
    ended = _EndedStep.of(StepEnd(row.step_id, step.kind, cause, calendar, reason, {}), row, sequence)
    insert_many(session, EnrollmentStep, [_entry(ended, at)])
    move_enrollments(session, [Move(row, sequence, ended.result.next, calendar)], at=at)


_SKIP: Final = text(
    "UPDATE steps SET state = 'skipped', reason = :reason, finished_at = :now"
    " WHERE id = :id AND state IN ('planned', 'published', 'failed', 'unknown')"
)


class _EndedStep(NamedTuple):
    """An enrollment with an ended step, its sequence version, and the end of the step without the enrollment."""

    step_end: StepEnd
    row: EnrollmentRow
    text: SequenceText
    result: StepResult

    @classmethod
    def of(cls, step_end: StepEnd, row: EnrollmentRow, sequence: SequenceText) -> Self:
        """Return the end of the enrollment's current step."""
        return cls(
            step_end, row, sequence, StepResult(sequence, sequence.step(row.step), step_end.reason, step_end.details)
        )

    @property
    def was_held_up(self) -> bool:
        """Whether the step was due while its sequence was inactive; it runs once the sequence is active again."""
        return self.step_end.reason == Reason.RULE_INACTIVE

    def holds(self, off: Collection[UUID]) -> bool:
        """Return whether the enrollment stays at its step. `off` are the ids of inactive sequences."""
        return self.result.waits or (self.was_held_up and self.row.sequence_id in off)

    @property
    def next_move(self) -> Move:
        """The move to the next step; to the same step again if its sequence is being activated."""
        if self.was_held_up:
            return Move(self.row, self.text, self.result.step, self.step_end.calendar, left=RETRY_IN)
        return Move(self.row, self.text, self.result.next, self.step_end.calendar)


def _lock_inactive(session: Session, ids: Collection[UUID]) -> set[UUID]:
    """Return the inactive sequences among these, and lock them until the commit.

    So activating one later finds the enrollments that wait. A sequence locked by another transaction is left out: a
    worker that has locked leads does not wait for it.
    """
    return set(session.scalars(_OFF, {"ids": list(ids)})) if ids else set()


_OFF: Final = text("SELECT id FROM sequences WHERE id = ANY(:ids) AND NOT active FOR KEY SHARE SKIP LOCKED")


def _waiting(one: _EndedStep, at: datetime) -> JsonDict:
    row = {"id": one.row.id, "state": one.row.state, "reason": one.row.reason, "step": one.row.step, "changed_at": at}
    if one.was_held_up:
        return {**row, "state": EnrollmentState.PAUSED, "reason": PauseReason.SEQUENCE_INACTIVE, "seconds_left": 0}
    return {**row, "waits_for_task_id": one.step_end.details["task_id"]}


def _entry(one: _EndedStep, at: datetime) -> JsonDict:
    details = one.step_end.details if one.step_end.reason is None else {}
    return {
        "id": new_id(),
        "clinic_id": one.row.clinic_id,
        "enrollment_id": one.row.id,
        "sequence_id": one.row.sequence_id,
        "sequence_version": one.row.sequence_version,
        "step": one.row.step,
        "kind": one.step_end.kind,
        "variant": one.step_end.cause.get("variant"),
        "step_id": one.step_end.step_id,
        "notification_id": next(iter(details.get("notification_ids", ())), None),
        "task_id": details.get("task_id"),
        "outcome": StepOutcome.SKIPPED if one.step_end.reason else StepOutcome.DONE,
        "reason": one.step_end.reason,
        "at": at,
    }

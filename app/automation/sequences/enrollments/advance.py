"""What follows in an enrollment from the end of one of its steps, in the transaction in which that one ends."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.automation.sequences.enrollments.exit import end
from app.automation.sequences.enrollments.transitions import Move, locked, move, texts, write
from app.automation.sequences.models import EnrollmentState, EnrollmentStep, PauseReason
from app.core.calendar.calendar import Calendar
from app.core.db import insert_many, new_id
from app.engine.models import Kind, Reason
from app.engine.sequences.progression import exit_reason_after_skip
from app.engine.sequences.sequence import ExitReason, SequenceStep
from app.engine.sequences.sequence import Sequence as SequenceText

AGAIN_IN: Final = timedelta(seconds=5)  # for a step whose sequence was just being changed


class StepOutcome(StrEnum):
    DONE = "done"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of one step: `reason` is why it was skipped, None that it was done; `told` is what it says of itself."""

    step_id: UUID
    kind: str
    cause: Mapping[str, Any]
    calendar: Calendar
    reason: str | None
    told: Mapping[str, Any]

    @property
    def enrollment_id(self) -> UUID:
        """Whose step it was."""
        return UUID(self.cause["enrollment_id"])


def advance(session: Session, ends: Sequence[Ended], *, at: datetime) -> None:
    """Note each end, and move its enrollment on, hold it, or end it. One that is over by now stays so."""
    enrollments = locked(session, [one.enrollment_id for one in ends])
    known = texts(session, enrollments.values())
    came = [
        _Came(one, row, text_, text_.step(row.step))
        for one in ends
        if (row := enrollments.get(one.enrollment_id))
        and row.step_id == one.step_id
        and (text_ := known[row.sequence_id, row.sequence_version])
    ]
    off = _switched_off(session, {one.row.sequence_id for one in came if one.was_held_up})
    insert_many(session, EnrollmentStep, [_entry(one, at) for one in came if not one.was_held_up])
    for one in came:
        if one.exit:
            end(session, [one.row.id], reason=one.exit, at=at)
    going = [one for one in came if not one.exit]
    write(session, [_held(one, at) for one in going if one.holds(off)])
    move(session, [one.move for one in going if not one.holds(off)], at=at)


def skip_step(session: Session, row: Row[Any], calendar: Calendar, *, reason: Reason, at: datetime) -> None:
    """Leave out the step that an enrollment (its row, locked) is at, planned, failed, or waiting for its task."""
    [sequence] = texts(session, [row]).values()
    step = sequence.step(row.step)
    session.execute(_SKIP, {"id": row.step_id, "reason": reason, "now": at})
    cause = {"enrollment_id": str(row.id)}
    came = _Came(Ended(row.step_id, step.kind, cause, calendar, reason, {}), row, sequence, step)
    insert_many(session, EnrollmentStep, [_entry(came, at)])
    move(session, [Move(row, sequence, came.next, calendar)], at=at)


_SKIP: Final = text(
    "UPDATE steps SET state = 'skipped', reason = :reason, finished_at = :now"
    " WHERE id = :id AND state IN ('planned', 'published', 'failed', 'unknown')"
)


class _Came(NamedTuple):
    """An enrollment that came to the end of its step."""

    end: Ended
    row: Row[Any]
    text: SequenceText
    step: SequenceStep

    @property
    def was_held_up(self) -> bool:
        """It was due while its sequence is switched off: it is done when that is switched on again."""
        return self.end.reason == Reason.RULE_INACTIVE

    @property
    def waits(self) -> bool:
        """The task that it made is to be done before anything follows."""
        return self.step.waits_for_task and self.end.reason is None

    def holds(self, off: Collection[UUID]) -> bool:
        """Whether it stays where it is, where these sequences are switched off."""
        return self.waits or (self.was_held_up and self.row.sequence_id in off)

    @property
    def exit(self) -> ExitReason | None:
        return exit_reason_after_skip(self.end.reason, self.end.told) if self.end.reason else None

    @property
    def next(self) -> SequenceStep | None:
        """What follows; a branch that was skipped decided nothing, so the next one in the text does."""
        way = self.end.told.get("way") if self.step.kind == Kind.BRANCH else None
        return self.text.after(self.step.name, way)

    @property
    def move(self) -> Move:
        """To the next one; to the same one again where its sequence is just being switched on."""
        if self.was_held_up:
            return Move(self.row, self.text, self.step, self.end.calendar, left=AGAIN_IN)
        return Move(self.row, self.text, self.next, self.end.calendar)


def _switched_off(session: Session, ids: Collection[UUID]) -> set[UUID]:
    """Those of these sequences that are off until the commit: who switches one on then finds what it held up.

    One that somebody changes just now is none of them: a worker, who has leads in hand, does not wait for it.
    """
    return set(session.scalars(_OFF, {"ids": list(ids)})) if ids else set()


_OFF: Final = text("SELECT id FROM sequences WHERE id = ANY(:ids) AND NOT active FOR KEY SHARE SKIP LOCKED")


def _held(one: _Came, at: datetime) -> dict[str, Any]:
    row = {"id": one.row.id, "state": one.row.state, "reason": one.row.reason, "step": one.row.step, "changed_at": at}
    if one.was_held_up:
        return {**row, "state": EnrollmentState.PAUSED, "reason": PauseReason.SEQUENCE_INACTIVE, "seconds_left": 0}
    return {**row, "waits_for_task_id": one.end.told["task_id"]}


def _entry(one: _Came, at: datetime) -> dict[str, Any]:
    told = one.end.told if one.end.reason is None else {}
    return {
        "id": new_id(),
        "clinic_id": one.row.clinic_id,
        "enrollment_id": one.row.id,
        "sequence_id": one.row.sequence_id,
        "sequence_version": one.row.sequence_version,
        "step": one.row.step,
        "kind": one.end.kind,
        "variant": one.end.cause.get("variant"),
        "step_id": one.end.step_id,
        "notification_id": next(iter(told.get("notification_ids", ())), None),
        "task_id": told.get("task_id"),
        "outcome": StepOutcome.SKIPPED if one.end.reason else StepOutcome.DONE,
        "reason": one.end.reason,
        "at": at,
    }

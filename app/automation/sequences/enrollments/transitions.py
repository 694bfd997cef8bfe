"""Move enrollments to a step, which is planned, or to the end. The number of statements is constant."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.automation.sequences.enrollments.best_hours import best_hours_for
from app.automation.sequences.enrollments.labels import remove_labels
from app.automation.sequences.models import IS_LIVE, Enrollment, EnrollmentState
from app.core.calendar.calendar import Calendar
from app.core.db import update_many
from app.core.type_aliases import ColumnValues, JsonDict, JsonObject
from app.engine.sequences.definitions import VersionKey, sequence_versions
from app.engine.sequences.progression import EnrollmentContext, plan_step
from app.engine.sequences.sequence import Sequence as SequenceText
from app.engine.sequences.sequence import SequenceStep
from app.engine.service import add_steps, planned_row

_COLUMNS: Final = (
    *("id", "clinic_id", "lead_id", "sequence_id", "sequence_version", "state", "reason", "step", "step_id"),
    *("waits_for_task_id", "seconds_left", "label", "cause"),
)
_LOCK: Final = (
    f"SELECT {', '.join(f'e.{name}' for name in _COLUMNS)}, l.timezone"  # noqa: S608  (of the model)
    " FROM enrollments e JOIN leads l ON l.id = e.lead_id"
    " WHERE {which} ORDER BY e.id FOR NO KEY UPDATE OF e"
)
_BY_ID: Final = text(_LOCK.format(which=f"e.id = ANY(:ids) AND e.{IS_LIVE}"))
_WAITING: Final = text(
    _LOCK.format(which=f"e.lead_id = ANY(:leads) AND e.{IS_LIVE} AND e.waits_for_task_id = ANY(:tasks)")
)
_CHANGED: Final = ("state", "reason", "step", "step_id", "waits_for_task_id", "seconds_left", "changed_at", "ended_at")


class EnrollmentRow(Protocol):
    """The locked row of an enrollment, with the time zone of its lead."""

    @property
    def id(self) -> UUID: ...
    @property
    def clinic_id(self) -> UUID: ...
    @property
    def lead_id(self) -> UUID: ...
    @property
    def sequence_id(self) -> UUID: ...
    @property
    def sequence_version(self) -> int: ...
    @property
    def state(self) -> str: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def step(self) -> str: ...
    @property
    def step_id(self) -> UUID | None: ...
    @property
    def waits_for_task_id(self) -> UUID | None: ...
    @property
    def seconds_left(self) -> float | None: ...
    @property
    def cause(self) -> JsonObject: ...
    @property
    def timezone(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Move:
    """A transition of one enrollment (its locked row) to the step `to`; None: it is completed.

    `left`: the remaining wait before that step after a pause. `resumes`: the enrollment was paused and is resumed.
    """

    enrollment: EnrollmentRow
    text: SequenceText
    to: SequenceStep | None
    calendar: Calendar
    left: timedelta | None = None
    resumes: bool = False

    @property
    def is_active(self) -> bool:
        """Whether the enrollment is active after the move. A paused one waits at its next step until it is resumed."""
        return self.resumes or self.enrollment.state == EnrollmentState.ACTIVE


def lock_enrollments(session: Session, ids: Collection[UUID]) -> dict[UUID, EnrollmentRow]:
    """Lock the live ones among these enrollments. Return their rows by id, with the lead's time zone."""
    return {row.id: row for row in session.execute(_BY_ID, {"ids": list(ids)})} if ids else {}


def lock_enrollments_waiting_for(
    session: Session, lead_ids: Collection[UUID], task_ids: Collection[UUID]
) -> Sequence[EnrollmentRow]:
    """Lock and return the live enrollments of these leads that wait for one of these tasks."""
    return session.execute(_WAITING, {"leads": list(lead_ids), "tasks": list(task_ids)}).all()


def sequence_texts(session: Session, enrollments: Collection[EnrollmentRow]) -> Mapping[VersionKey, SequenceText]:
    """Return the sequence versions of these enrollments."""
    return sequence_versions(session, {(row.sequence_id, row.sequence_version) for row in enrollments})


def move_enrollments(session: Session, moves: Sequence[Move], *, at: datetime) -> None:
    """Save the moves, and plan the next steps. Waits count from `at`."""
    steps, rows = [], []
    hours = best_hours_for(session, ((one.enrollment.lead_id, one.to) for one in moves if one.to and one.is_active))
    for one in moves:
        best = hours.get(one.enrollment.lead_id, ())
        step = _step(one, best, at=at) if one.to and one.is_active else None
        steps += [step] if step else []
        rows.append(_state(one, step, at=at))
    if steps:
        add_steps(session, steps)
    save_states(session, rows)
    remove_labels(session, [one.enrollment for one in moves if one.to is None])


def save_states(session: Session, rows: Sequence[ColumnValues]) -> None:
    """Save the state columns of enrollments. A column that is missing in a row becomes null."""
    update_many(session, Enrollment, rows, _CHANGED)


def _step(one: Move, best_hours: Sequence[str], *, at: datetime) -> JsonDict:
    row = one.enrollment
    assert one.to is not None  # noqa: S101  (called for moves to a step only)
    context = EnrollmentContext(row.id, row.timezone, row.cause, tuple(best_hours))
    planned = plan_step(one.text, one.to, context, at=at, calendar=one.calendar, left=one.left)
    return planned_row(row.clinic_id, row.lead_id, planned)


def _state(one: Move, step: JsonObject | None, *, at: datetime) -> JsonDict:
    row = one.enrollment
    if one.to is None:
        return {"id": row.id, "state": EnrollmentState.COMPLETED, "changed_at": at, "ended_at": at}
    return {
        "id": row.id,
        "state": EnrollmentState.ACTIVE if one.is_active else EnrollmentState.PAUSED,
        "reason": None if one.is_active else row.reason,
        "step": one.to.name,
        "step_id": step and step["id"],
        "changed_at": at,
    }

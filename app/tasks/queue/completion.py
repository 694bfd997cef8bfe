"""Completion of tasks: the one definition for the queue's filter, the dashboard and the reports."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, case, or_, text, true

from app.clock import now
from app.tasks.models import OPEN_TASKS, Task, TaskStatus


class Completion(StrEnum):
    """Completion of a task that is not cancelled."""

    ON_TIME = "on_time"  # completed at its due time, or earlier
    LATE = "late"  # completed after its due time
    OVERDUE = "overdue"  # open, and its due time has passed
    UPCOMING = "upcoming"  # open, and not due yet


COMPLETED: Final = (Completion.ON_TIME, Completion.LATE)
WANTED: Final = (*COMPLETED, Completion.OVERDUE)  # those that a completion rate counts
# A literal, because the planner matches partial indexes only with literals.
IS_NOT_CANCELLED: Final = text("lead_tasks.status <> 'CANCELLED'")


def _tests(at: datetime) -> Mapping[Completion, ColumnElement[bool]]:
    is_completed, is_open = Task.status == TaskStatus.COMPLETED, Task.status.in_(OPEN_TASKS)
    is_on_time = Task.completed_at <= Task.due_at
    return {
        Completion.ON_TIME: is_completed & is_on_time,
        Completion.LATE: is_completed & is_on_time.is_not(true()),
        Completion.OVERDUE: is_open & (Task.due_at < at),
        Completion.UPCOMING: is_open & (Task.due_at >= at),
    }


def completion(at: datetime) -> ColumnElement[str]:
    """Return the column with a task's Completion at this time; null for a cancelled task."""
    return case(*((test, str(name)) for name, test in _tests(at).items()))


def has_completion(wanted: Iterable[Completion]) -> ColumnElement[bool]:
    """Return the condition that a task is not cancelled and has one of these completions now."""
    tests = _tests(now())
    return or_(*(tests[one] for one in wanted))


def statuses_of(wanted: Iterable[Completion]) -> Sequence[TaskStatus]:
    """Return the statuses of tasks with these completions."""
    given = frozenset(wanted)
    completed = [TaskStatus.COMPLETED] if given.intersection(COMPLETED) else []
    return [*(OPEN_TASKS if given.difference(COMPLETED) else ()), *completed]


def completion_rate(counts: Mapping[Any, int]) -> float | None:
    """Return the share of completed tasks, from the number of tasks by Completion. None without any."""
    wanted = sum(counts.get(one, 0) for one in WANTED)
    return sum(counts.get(one, 0) for one in COMPLETED) / wanted if wanted else None

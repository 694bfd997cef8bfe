"""Read the tasks due in a period: whole days from rollups, and the ranges of time that remain."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import add, attrgetter
from typing import Final, NamedTuple, Self
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.analytics.statements.rolled_up.spans import Range
from app.analytics.work.models import TaskRollupChange, TaskRollupDay


class TaskDay(NamedTuple):
    """The tasks due on a day: for each row their number, those completed, and those completed on time."""

    since: datetime
    until: datetime
    rows: Sequence[UUID | str]  # assignees or types
    tasks: Sequence[int]
    completed: Sequence[int]
    on_time: Sequence[int]

    def counts(self) -> Iterator[tuple[UUID | str, int, int, int]]:
        """Return each row with its three numbers."""
        return zip(self.rows, self.tasks, self.completed, self.on_time, strict=True)

    def of_assignee(self, wanted: UUID) -> Self:
        """Return the day with the tasks of one assignee only."""
        own = [counts for counts in self.counts() if counts[0] == wanted]
        rows, *numbers = zip(*own, strict=True) if own else ((), (), (), ())
        return self._replace(rows=rows, tasks=numbers[0], completed=numbers[1], on_time=numbers[2])


_HAS_CHANGED: Final = exists().where(
    TaskRollupChange.clinic_id == TaskRollupDay.clinic_id,
    TaskRollupChange.due_at >= TaskRollupDay.starts_at,
    TaskRollupChange.due_at < TaskRollupDay.ends_at,
)


_BY_ASSIGNEE: Final = (TaskRollupDay.assignees, TaskRollupDay.tasks, TaskRollupDay.completed, TaskRollupDay.on_time)
_BY_TYPE: Final = (
    *(TaskRollupDay.types, TaskRollupDay.tasks_of_types),
    *(TaskRollupDay.completed_of_types, TaskRollupDay.on_time_of_types),
)


def counted_days(session: Session, clinic_id: UUID, period: Range, *, by_type: bool) -> list[TaskDay]:
    """Return the days in the period without changes since they were counted, in order; their rows by assignee or type.

    An earlier version of the program counts no types: `types_rolled_up_at` differs then.
    """
    counts = _BY_TYPE if by_type else _BY_ASSIGNEE
    has_types = TaskRollupDay.types_rolled_up_at == TaskRollupDay.rolled_up_at
    found = select(TaskRollupDay.starts_at, TaskRollupDay.ends_at, *counts).where(
        TaskRollupDay.clinic_id == clinic_id,
        TaskRollupDay.starts_at >= period.since,
        TaskRollupDay.ends_at <= period.until,
        ~_HAS_CHANGED,
        *([has_types] if by_type else []),
    )
    return [TaskDay(*row) for row in session.execute(found.order_by(TaskRollupDay.starts_at))]


def days_within(period: Range, days: Sequence[TaskDay]) -> Sequence[TaskDay]:
    """Return those of the days, which are in order, that lie in the period as a whole."""
    first = bisect_left(days, period.since, key=attrgetter("since"))
    return days[first : bisect_right(days, period.until, key=attrgetter("until"))]


def sum_of_days(days: Iterable[TaskDay]) -> Mapping[UUID | str, Sequence[int]]:
    """Return the three numbers of each row, for all days together."""
    sums: defaultdict[UUID | str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for day in days:
        for row, *numbers in day.counts():
            sums[row] = list(map(add, sums[row], numbers))
    return sums


def ranges_between(period: Range, days: Sequence[TaskDay]) -> Iterator[Range]:
    """Return the ranges of the period that are in none of these days of it. The days are in order."""
    at = period.since
    for day in days:
        if at < day.since:
            yield Range(at, day.since)
        at = day.until
    if at < period.until:
        yield Range(at, period.until)

"""Follow-ups: tasks due in a period, completed on time, completed late, or open. Its figures count tasks."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy import ARRAY, Boolean, DateTime, Integer, bindparam, column, func, null, select, true
from sqlalchemy.orm import Session

from app.analytics.counting import Dimension
from app.analytics.metrics.measures import Basis
from app.analytics.metrics.metric import Unit, figure_of
from app.analytics.periods import Days, buckets_of
from app.analytics.report import Report, read_report
from app.analytics.row_labels import labels_of
from app.analytics.statements.rolled_up.spans import Range
from app.analytics.statements.selection import WHOLE
from app.analytics.tables import compared, heading, span
from app.analytics.work.task_days import TaskDay, counted_days, days_within, ranges_between, sum_of_days
from app.clock import now
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.actor import Actor
from app.identity.permissions import Permission, Scope
from app.leads.models import Lead
from app.tasks.lookup import all_visible_tasks, visible_tasks
from app.tasks.models import TYPE_LABELS, Task, TaskStatus, TaskType
from app.tasks.queue.completion import COMPLETED, IS_NOT_CANCELLED, WANTED, Completion
from app.tasks.queue.queue import filter_conditions


class TaskRows(StrEnum):
    ASSIGNEE = "assignee"
    TYPE = "type"


_COLUMN_OF: Final[Mapping[str | None, Any]] = {
    None: null(),
    TaskRows.ASSIGNEE: Task.assigned_to_id,
    TaskRows.TYPE: Task.type,
}


ALL_TASKS: Final = "All tasks"
_FOLLOW_UPS: Final = "/api/followups"
_FILTERS: Final = frozenset({"source_id", "assigned_to_id", "stage"})  # those that the list of tasks has
_TIME: Final = DateTime(timezone=True)
_COLUMNS: Final[Sequence[Any]] = (
    *(column("since", _TIME), column("until", _TIME)),
    *(column("place", Integer()), column("is_due", Boolean())),  # as in `_Part`
)
_DUE: Final = "Tasks due in the period"


class _Part(NamedTuple):
    """A range of the period, the place of its bucket, and whether all its tasks are due."""

    since: datetime
    until: datetime
    place: int
    is_due: bool


# By row (assignee, type or None) and bucket: the number by completion.
Counts = Mapping[tuple[UUID | str | None, int], Mapping[str, int]]


@dataclass(frozen=True)
class TaskMetric:
    """A number of tasks with one of these completions, or their share among others."""

    name: str
    label: str
    words: str
    of: Sequence[Completion]
    among: Sequence[Completion] = ()

    @property
    def unit(self) -> Unit:
        """The unit of the value."""
        return Unit.SHARE if self.among else Unit.TASKS


METRICS: Final = (
    TaskMetric("due_tasks", "Due", f"{_DUE}, without cancelled ones.", tuple(Completion)),
    TaskMetric(
        "completed_on_time",
        "Completed on time",
        f"{_DUE} that were completed at their due time or earlier.",
        (Completion.ON_TIME,),
    ),
    TaskMetric(
        "completed_late", "Completed late", f"{_DUE} that were completed after their due time.", (Completion.LATE,)
    ),
    TaskMetric("overdue_tasks", "Overdue", f"{_DUE} that are open after their due time.", (Completion.OVERDUE,)),
    TaskMetric("upcoming_tasks", "Upcoming", f"{_DUE} that are open and not due yet.", (Completion.UPCOMING,)),
    TaskMetric(
        "completion_rate",
        "Completion rate",
        f"{_DUE} that were completed, divided by those that were completed or are overdue.",
        COMPLETED,
        WANTED,
    ),
    TaskMetric(
        "on_time_rate",
        "On-time rate",
        f"{_DUE} that were completed on time, divided by those that were completed or are overdue.",
        (Completion.ON_TIME,),
        WANTED,
    ),
)


def follow_up_report(session: Session, actor: Actor, query: JsonObject) -> JsonDict:
    """Return the fields of AnalyticsOut: one row, or (`query["rows"]`) one per assignee or type. Raises Invalid."""
    report = read_report(session, actor, {**query, "basis": Basis.PERIOD})
    rows: TaskRows | None = query.get("rows")
    buckets = buckets_of(report.days, query["by"]) if "by" in query else []
    counts = _count(session, report, buckets, rows=rows)
    labels = _labels(session, report, counts, rows=rows)
    parts = [
        {**span(report, days), "rows": _rows(report, counts, labels, (days, place))}
        for place, days in enumerate(buckets)
    ]
    return {
        **heading(report),
        "definitions": [
            {"metric": one.name, "label": one.label, "unit": one.unit, "words": one.words} for one in METRICS
        ],
        "rows": _rows(report, counts, labels, (report.days, WHOLE)),
        "buckets": parts or None,
        "comparison": compared(report, query, lambda other: _whole_rows(session, other, rows=rows)),
    }


def _whole_rows(session: Session, report: Report, *, rows: TaskRows | None) -> list[JsonDict]:
    counts = _count(session, report, (), rows=rows)
    labels = _labels(session, report, counts, rows=rows)
    return _rows(report, counts, labels, (report.days, WHOLE))


def _count(session: Session, report: Report, buckets: Sequence[Days], *, rows: TaskRows | None) -> Counts:
    """Count the tasks of each part of the period: whole past days from rollups, and the others from the tasks."""
    counts: defaultdict[tuple[UUID | str | None, int], Counter[str]] = defaultdict(Counter)

    def add(place: int, row: UUID | str | None, found: Counter[str]) -> None:
        for bucket in {WHOLE, place} if found else ():
            counts[row if rows else None, bucket] += found

    live: list[_Part] = []
    at = now()
    days = _counted_days(session, report, at, by_type=rows == TaskRows.TYPE)
    for part in _parts(report, buckets, at):
        inside = days_within(Range(part.since, part.until), days)
        for row, numbers in sum_of_days(inside).items():
            add(part.place, row, _by_completion(*numbers, is_due=True))
        live += [_Part(*one, part.place, part.is_due) for one in ranges_between(Range(part.since, part.until), inside)]
    for place, is_due, row, *numbers in session.execute(_statement(report, live, rows=rows)):
        add(place, row, _by_completion(*numbers, is_due=is_due))
    return counts


def _counted_days(session: Session, report: Report, at: datetime, *, by_type: bool) -> Sequence[TaskDay]:
    """Return the past days whose rollups answer the report, with the tasks of the assignees that it asks for.

    Rollups have no types of the tasks of one assignee.
    """
    if not _counts_all_leads(report) or (by_type and "assigned_to_id" in report.filters):
        return ()
    past = Range(report.days.since, min(report.days.until, at))
    found = counted_days(session, report.actor.clinic.id, past, by_type=by_type)
    if "assigned_to_id" not in report.filters:
        return found
    return [day.of_assignee(report.filters["assigned_to_id"]) for day in found]


def _by_completion(tasks: int, completed: int, on_time: int, *, is_due: bool) -> Counter[str]:
    """Return the number of tasks by completion. `is_due`: all of them are due already, else none is."""
    numbers: dict[str, int] = {
        Completion.ON_TIME: on_time,
        Completion.LATE: completed - on_time,
        Completion.OVERDUE if is_due else Completion.UPCOMING: tasks - completed,
    }
    return +Counter(numbers)


def _statement(report: Report, parts: Sequence[_Part], *, rows: TaskRows | None) -> Any:
    """Count the tasks in each part of the period: one look-up in the index for each part."""
    part = _table(parts)
    key = _COLUMN_OF[rows]
    is_completed = Task.status == TaskStatus.COMPLETED
    on_time = func.count().filter(is_completed, Task.completed_at <= Task.due_at)
    numbers = (func.count(), func.count().filter(is_completed), on_time)
    labels = (one.label(name) for one, name in zip(numbers, ("tasks", "completed", "on_time"), strict=True))
    tasks = select(key.label("row"), *labels).select_from(Task)
    tasks = tasks.where(IS_NOT_CANCELLED, Task.due_at >= part.since, Task.due_at < part.until)
    tasks = _visible(tasks, report).group_by(key) if rows else _visible(tasks, report)
    counted = tasks.correlate(part.since.table).lateral("counted").c
    return select(part.place, part.is_due, *counted).select_from(part.since.table).join(counted.tasks.table, true())


def _parts(report: Report, buckets: Sequence[Days], at: datetime) -> list[_Part]:
    """Return the parts of the period: its buckets, of which the present one has two."""
    return [
        _Part(since, until, place, until <= at)
        for place, one in (enumerate(buckets) if buckets else [(WHOLE, report.days)])
        for since, until in pairwise([one.since, *([at] if one.since < at < one.until else []), one.until])
    ]


def _table(parts: Sequence[_Part]) -> Any:
    """Return the columns of a table with these parts."""
    columns = zip(*parts, strict=True) if parts else [()] * len(_COLUMNS)
    arrays = [
        bindparam(None, list(values), type_=ARRAY(one.type)) for one, values in zip(_COLUMNS, columns, strict=True)
    ]
    return func.unnest(*arrays).table_valued(*_COLUMNS, name="part").render_derived().c


def _visible(tasks: Any, report: Report) -> Any:
    """Return the statement for the tasks that the caller may see, in the queue and in analytics, and with the filters.

    Without a condition on leads, the few deleted leads are excluded instead of all leads joined.
    """
    reader = report.actor.within(Permission.LEAD_READ)
    found = tasks.where(*filter_conditions(reader, _filters(report)))
    if _counts_all_leads(report):
        return found.where(*all_visible_tasks(report.actor))
    return found.join(Lead, Lead.id == Task.lead_id).where(*visible_tasks(report.actor), *visible_tasks(reader))


def _filters(report: Report) -> JsonDict:
    return {name: value for name, value in report.filters.items() if name in _FILTERS}


def _counts_all_leads(report: Report) -> bool:
    """Whether the report counts the tasks of all leads, at most of one assignee."""
    scopes = {report.actor.scope, report.actor.within(Permission.LEAD_READ).scope}
    return scopes == {Scope.ALL} and not _filters(report).keys() - {"assigned_to_id"}


def _labels(session: Session, report: Report, counts: Counts, *, rows: TaskRows | None) -> dict[Any, str]:
    if rows is None:
        return {None: ALL_TASKS}
    keys = {row for row, _ in counts}
    if rows == TaskRows.TYPE:
        return {type_: TYPE_LABELS[type_] for type_ in TaskType if type_ in keys}
    labels = labels_of(session, report, Dimension.COORDINATOR, keys)
    return dict(sorted(labels.items(), key=lambda item: item[1]))


def _rows(report: Report, counts: Counts, labels: Mapping[Any, str], part: tuple[Days, int]) -> list[JsonDict]:
    days, bucket = part
    found = {key: _Row(report, days, key, counts.get((key, bucket), {})) for key in labels}
    return [
        {"key": key, "label": labels[key], "figures": [row.figure(one) for one in METRICS]}
        for key, row in found.items()
    ]


@dataclass(frozen=True)
class _Row:
    """The tasks of an assignee or a type (`key`; None: all) due in the days: their number by completion."""

    report: Report
    days: Days
    key: UUID | str | None
    counts: Mapping[str, int]

    def figure(self, metric: TaskMetric) -> JsonDict:
        of, among = self._listed(metric.of), self._listed(metric.among) if metric.among else None
        value = of["leads"] if among is None else of["leads"] / among["leads"] if among["leads"] else None
        return figure_of(metric.name, metric.unit, value, of, among=among)

    def _listed(self, completions: Sequence[Completion]) -> JsonDict:
        """Return the number of tasks, and path and query of the list with exactly these tasks."""
        due = {name: at.isoformat() for name, at in (("due_from", self.days.since), ("due_to", self.days.until))}
        filters = _filters(self.report)
        row = {} if self.key is None else {"type" if isinstance(self.key, str) else "assigned_to_id": self.key}
        query = urlencode({**filters, **row, **due, "completion": ",".join(completions)})
        return {"leads": sum(self.counts.get(one, 0) for one in completions), "drill": f"{_FOLLOW_UPS}?{query}"}

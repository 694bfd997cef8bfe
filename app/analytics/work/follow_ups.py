"""Follow-ups: tasks due in a period, completed on time, completed late, or open. Its figures count tasks."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy import func, literal, select
from sqlalchemy.orm import Session

from app.analytics.counting import Dimension
from app.analytics.metrics.measures import Basis
from app.analytics.metrics.metric import Unit
from app.analytics.periods import Days, buckets_of
from app.analytics.report import Report, read_report
from app.analytics.row_labels import labels_of
from app.analytics.statements.selection import WHOLE, bucket_of
from app.analytics.tables import compared, heading, span
from app.clock import now
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.actor import Actor
from app.identity.permissions import Permission
from app.leads.models import Lead
from app.tasks.lookup import visible_tasks
from app.tasks.models import Task
from app.tasks.queue.completion import COMPLETED, IS_NOT_CANCELLED, WANTED, Completion, completion
from app.tasks.queue.queue import filter_conditions


class TaskRows(StrEnum):
    ASSIGNEE = "assignee"


ALL_TASKS: Final = "All tasks"
_FOLLOW_UPS: Final = "/api/followups"
_FILTERS: Final = frozenset({"source_id", "assigned_to_id", "stage"})  # those that the list of tasks has
_DUE: Final = "Tasks due in the period"

Counts = Mapping[tuple[UUID | None, int], Mapping[str, int]]  # by assignee and bucket: the number by completion


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
    """Return the fields of AnalyticsOut: one row, or (`query["rows"]`) one for each assignee. Raises Invalid."""
    report = read_report(session, actor, {**query, "basis": Basis.PERIOD})
    by_assignee = "rows" in query
    buckets = buckets_of(report.days, query["by"]) if "by" in query else []
    counts = _count(session, report, buckets, by_assignee=by_assignee)
    labels = _labels(session, report, counts, by_assignee=by_assignee)
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
        "comparison": compared(report, query, lambda other: _whole_rows(session, other, by_assignee=by_assignee)),
    }


def _whole_rows(session: Session, report: Report, *, by_assignee: bool) -> list[JsonDict]:
    counts = _count(session, report, (), by_assignee=by_assignee)
    labels = _labels(session, report, counts, by_assignee=by_assignee)
    return _rows(report, counts, labels, (report.days, WHOLE))


def _count(session: Session, report: Report, buckets: Sequence[Days], *, by_assignee: bool) -> Counts:
    key: Any = Task.assigned_to_id if by_assignee else literal(None)
    bucket: Any = bucket_of(Task.due_at, buckets) if buckets else literal(WHOLE)
    labels = [key.label("key"), bucket.label("bucket"), completion(now()).label("completion")]
    reader = report.actor.within(Permission.LEAD_READ)
    filters = {name: value for name, value in report.filters.items() if name in _FILTERS}
    found = (
        select(*labels, func.count().label("tasks"))
        .join(Lead, Lead.id == Task.lead_id)
        .where(*visible_tasks(report.actor), *visible_tasks(reader), *filter_conditions(reader, filters))
        .where(IS_NOT_CANCELLED, Task.due_at >= report.days.since, Task.due_at < report.days.until)
        .group_by(*(label.name for label in labels))
    )
    counts: defaultdict[tuple[UUID | None, int], Counter[str]] = defaultdict(Counter)
    for row in session.execute(found):
        for place in {WHOLE, row.bucket}:
            counts[row.key, place][row.completion] += row.tasks
    return counts


def _labels(session: Session, report: Report, counts: Counts, *, by_assignee: bool) -> dict[Any, str]:
    if not by_assignee:
        return {None: ALL_TASKS}
    labels = labels_of(session, report, Dimension.COORDINATOR, {assignee for assignee, _ in counts})
    return dict(sorted(labels.items(), key=lambda item: item[1]))


def _rows(report: Report, counts: Counts, labels: Mapping[Any, str], part: tuple[Days, int]) -> list[JsonDict]:
    days, bucket = part
    rows = {key: _Row(report, days, key, counts.get((key, bucket), {})) for key in labels}
    return [
        {"key": key, "label": labels[key], "figures": [row.figure(one) for one in METRICS]} for key, row in rows.items()
    ]


@dataclass(frozen=True)
class _Row:
    """The tasks of an assignee (`key`; None: of all) due in the days: their number by completion."""

    report: Report
    days: Days
    key: UUID | None
    counts: Mapping[str, int]

    def figure(self, metric: TaskMetric) -> JsonDict:
        of, among = self._listed(metric.of), self._listed(metric.among) if metric.among else None
        value = of["leads"] if among is None else of["leads"] / among["leads"] if among["leads"] else None
        return {"metric": metric.name, "unit": metric.unit, "value": value, **of, "among": among}

    def _listed(self, completions: Sequence[Completion]) -> JsonDict:
        """Return the number of tasks, and path and query of the list with exactly these tasks."""
        due = {name: at.isoformat() for name, at in (("due_from", self.days.since), ("due_to", self.days.until))}
        filters = {name: value for name, value in self.report.filters.items() if name in _FILTERS}
        assignee = {"assigned_to_id": self.key} if self.key else {}
        query = urlencode({**filters, **assignee, **due, "completion": ",".join(completions)})
        return {"leads": sum(self.counts.get(one, 0) for one in completions), "drill": f"{_FOLLOW_UPS}?{query}"}

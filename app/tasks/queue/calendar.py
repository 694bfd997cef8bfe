"""The work queue by days, in the clinic's local time."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import ARRAY, Date, DateTime, bindparam, column, func, select, true
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.clock import now
from app.core.db import AnyRow
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.actor import Actor
from app.tasks.models import OPEN_TASKS, Task, TaskStatus
from app.tasks.queue.queue import has_status, resolve_rare_filters, status_groups, tasks_of

DEFAULT_RANGE: Final = timedelta(days=6)
_DAY_COLUMNS: Final[Mapping[str, Any]] = {
    "date": Date(),
    "begins_at": DateTime(timezone=True),
    "ends_at": DateTime(timezone=True),
}


class Day(NamedTuple):
    """A day from local midnight to local midnight: 23, 24 or 25 hours."""

    date: date
    begins_at: datetime
    ends_at: datetime


def calendar(session: Session, actor: Actor, query: JsonObject) -> JsonDict:
    """Return every day of the range with its tasks, in the form of `CalendarOut`. Raises Invalid."""
    days = _days(actor, query)
    wanted = {"status": OPEN_TASKS, **resolve_rare_filters(session, actor, query)}
    found = [row for group in status_groups(wanted) for row in _due(session, actor, wanted, days, group=group)]
    return {
        "timezone": actor.clinic.calendar.zone.key,
        "days": [
            _to_response(day, [row for row in found if row.day == day.date], limit=query["per_day"]) for day in days
        ],
    }


def _days(actor: Actor, query: JsonObject) -> list[Day]:
    local = actor.clinic.calendar
    first = query.get("from_") or local.local(now()).date()
    last = query.get("to") or first + DEFAULT_RANGE
    dates = [first + timedelta(days=n) for n in range((last - first).days + 2)]
    midnights = [local.at_wall_time(day, time()) for day in dates]
    return [Day(*whole) for whole in zip(dates, midnights, midnights[1:], strict=False)]


def _due(
    session: Session, actor: Actor, query: JsonObject, days: Sequence[Day], *, group: Sequence[TaskStatus]
) -> Sequence[AnyRow]:
    """Return the first tasks of each day with these statuses. One extra row per day shows whether there are more."""
    day = _table(days)
    tasks = (
        tasks_of(actor, query)
        .where(has_status(group), Task.due_at >= day.c.begins_at, Task.due_at < day.c.ends_at)
        .order_by(Task.due_at, Task.id)
        .limit(query["per_day"] + 1)
        .correlate(day)
        .lateral("task")
    )
    found = session.execute(select(day.c.date.label("day"), tasks).join(tasks, true())).all()
    audit_log.note_read(session, "task", [task.id for task in found])
    return found


def _table(days: Sequence[Day]) -> Any:
    """Return the days as a table with three parameters. With VALUES each statement would be compiled again."""
    given: list[Any] = []
    columns: list[Any] = []
    for name, type_ in _DAY_COLUMNS.items():
        given.append(bindparam(None, [getattr(day, name) for day in days], type_=ARRAY(type_)))
        columns.append(column(name, type_))
    return func.unnest(*given).table_valued(*columns, name="of").render_derived()


def _to_response(day: Day, rows: Sequence[AnyRow], *, limit: int) -> JsonDict:
    ordered = sorted(rows, key=lambda row: (row.due_at, row.id))
    return {**day._asdict(), "tasks": ordered[:limit], "more": len(ordered) > limit}

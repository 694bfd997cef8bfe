"""The work queue by days of the clinic's wall."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Date, DateTime, Row, column, select, true, values
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.clock import now
from app.identity.actor import Actor
from app.tasks.models import OPEN_TASKS, Task, TaskStatus
from app.tasks.queue.queue import groups_of, has_status, looked_up, tasks_of

A_WEEK: Final = timedelta(days=6)


class Day(NamedTuple):
    """From one midnight of the clinic's wall to the next: 23, 24 or 25 hours."""

    date: date
    begins_at: datetime
    ends_at: datetime


def calendar(session: Session, actor: Actor, query: Mapping[str, Any]) -> dict[str, Any]:
    """Every day of the span with its tasks, as `CalendarOut` shows them. Raises Invalid."""
    days = _days(actor, query)
    wanted = {"status": OPEN_TASKS, **looked_up(session, actor, query)}
    found = [row for group in groups_of(wanted) for row in _due(session, actor, wanted, days, group=group)]
    return {
        "timezone": actor.clinic.calendar.zone.key,
        "days": [_shown(day, [row for row in found if row.day == day.date], most=query["per_day"]) for day in days],
    }


def _days(actor: Actor, query: Mapping[str, Any]) -> list[Day]:
    wall = actor.clinic.calendar
    first = query.get("from_") or wall.local(now()).date()
    last = query.get("to") or first + A_WEEK
    dates = [first + timedelta(days=n) for n in range((last - first).days + 2)]
    midnights = [wall.at_wall_time(day, time()) for day in dates]
    return [Day(*whole) for whole in zip(dates, midnights, midnights[1:], strict=False)]


def _due(
    session: Session, actor: Actor, query: Mapping[str, Any], days: Sequence[Day], *, group: Sequence[TaskStatus]
) -> Sequence[Row[Any]]:
    """Of each day the first tasks of these statuses, and one more than are shown: then there are others."""
    instant = DateTime(timezone=True)
    day = values(column("day", Date), column("begins_at", instant), column("ends_at", instant), name="of").data(days)
    tasks = (
        tasks_of(actor, query)
        .where(has_status(group), Task.due_at >= day.c.begins_at, Task.due_at < day.c.ends_at)
        .order_by(Task.due_at, Task.id)
        .limit(query["per_day"] + 1)
        .correlate(day)
        .lateral("task")
    )
    found = session.execute(select(day.c.day, tasks).join(tasks, true())).all()
    audit_log.saw(session, "task", [task.id for task in found])
    return found


def _shown(day: Day, rows: Sequence[Row[Any]], *, most: int) -> dict[str, Any]:
    ordered = sorted(rows, key=lambda row: (row.due_at, row.id))
    return {**day._asdict(), "tasks": ordered[:most], "more": len(ordered) > most}

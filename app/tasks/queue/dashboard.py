"""Dashboard figures of the work queue: overdue and due tasks, rotting leads, completion rate, response time."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Final

from sqlalchemy import func, literal, select, union_all
from sqlalchemy.orm import Session

from app.clock import now
from app.core.calendar.calendar import Calendar
from app.core.db import AnySelect
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.actor import Actor
from app.identity.users.lookup import resolve_user_id
from app.leads.models import Lead
from app.leads.search.filters import filter_conditions, is_rotting
from app.leads.search.lookup import visible_to
from app.leads.timeline.responses import has_time_to_contact, seconds_to_contact
from app.tasks.lookup import visible_tasks
from app.tasks.models import Task, TaskStatus
from app.tasks.queue.completion import completion, completion_rate
from app.tasks.queue.queue import has_status

LOOKED_BACK: Final = timedelta(days=30)
OPEN_GROUPS: Final = ((TaskStatus.PENDING, TaskStatus.IN_PROGRESS), (TaskStatus.OVERDUE,))  # each group has an index
_COMPLETED: Final = (TaskStatus.COMPLETED,)


def dashboard(session: Session, actor: Actor, query: JsonObject) -> JsonDict:
    """Return the figures in the form of `DashboardOut`, for all users or one. Raises Invalid.

    Each figure reads a bounded number of rows, however long the queue is.
    """
    at, calendar = now(), actor.clinic.calendar
    tasks = select(Task.status).join(Lead, Lead.id == Task.lead_id).where(*visible_tasks(actor))
    if "assigned_to_id" in query:
        tasks = tasks.where(Task.assigned_to_id == resolve_user_id(query["assigned_to_id"], actor))
    since = filter_conditions({"created_from": at - LOOKED_BACK}, actor)
    leads = select(Lead).where(*visible_to(actor), *filter_conditions(query, actor))
    return {
        "overdue": bounded_count(session, [tasks.where(has_status([TaskStatus.OVERDUE]))]),
        "due_today": _due_between(session, tasks, *_midnights(calendar, at, first=0, days=1)),
        "due_this_week": _due_between(session, tasks, *_midnights(calendar, at, first=-_weekday(calendar, at), days=7)),
        "rotting_leads": bounded_count(session, [leads.where(is_rotting())]),
        "completion_rate": _completion_rate(session, tasks, at),
        "response_seconds": _response_seconds(session, leads.where(*since)),
    }


def _midnights(calendar: Calendar, at: datetime, *, first: int, days: int) -> list[datetime]:
    """Return the local start and end of `days` days, beginning `first` days after today."""
    day = calendar.local(at).date() + timedelta(days=first)
    return [calendar.at_wall_time(day + timedelta(days=later), time()) for later in (0, days)]


def _weekday(calendar: Calendar, at: datetime) -> int:
    return calendar.local(at).weekday()


def _due_between(session: Session, tasks: AnySelect, begin: datetime, end: datetime) -> int:
    due = tasks.where(Task.due_at >= begin, Task.due_at < end)
    return bounded_count(session, [due.where(has_status(group)) for group in OPEN_GROUPS])


def bounded_count(session: Session, parts: Sequence[AnySelect]) -> int:
    """Count the rows of disjoint statements, up to `MOST_COUNTED`."""
    some = union_all(*(part.with_only_columns(literal(1)).limit(MOST_COUNTED) for part in parts)).subquery()
    return min(session.scalar(select(func.count()).select_from(some)) or 0, MOST_COUNTED)


def _completion_rate(session: Session, tasks: AnySelect, at: datetime) -> float | None:
    """Return the completion rate of the latest tasks: those that were due, and those completed before they are due."""
    columns = (completion(at).label("completion"), Task.due_at.label("at"))
    were_due = tasks.with_only_columns(*columns).where(Task.due_at >= at - LOOKED_BACK, Task.due_at < at)
    groups = (*OPEN_GROUPS, _COMPLETED)
    parts = [were_due.where(has_status(group)).order_by(Task.due_at.desc()).limit(MOST_COUNTED) for group in groups]
    early = tasks.with_only_columns(columns[0], Task.completed_at).where(Task.due_at >= at, has_status(_COMPLETED))
    together = union_all(*parts, early.order_by(Task.due_at).limit(MOST_COUNTED)).subquery()
    latest = select(together.c.completion).order_by(together.c.at.desc()).limit(MOST_COUNTED).subquery()
    found = session.execute(select(latest.c.completion, func.count().label("number")).group_by(latest.c.completion))
    return completion_rate({row.completion: row.number for row in found})


def _response_seconds(session: Session, leads: AnySelect) -> float | None:
    """Return the mean time in seconds from creation to first contact, of the latest leads."""
    seconds = seconds_to_contact().label("seconds")
    latest = leads.with_only_columns(seconds).where(has_time_to_contact()).order_by(Lead.id.desc()).limit(MOST_COUNTED)
    mean: float | None = session.scalar(select(func.avg(latest.subquery().c.seconds)))
    return mean


MOST_COUNTED: Final = 1000  # largest count; further rows are not read

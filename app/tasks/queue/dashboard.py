"""Dashboard figures of the work queue: overdue and due tasks, rotting leads, completion rate, response time."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.calendar.calendar import Calendar
from app.core.db import AnySelect
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.actor import Actor
from app.identity.permissions import Scope
from app.identity.users.lookup import resolve_user_id
from app.leads.models import Lead
from app.leads.search.filters import filter_conditions, is_rotting
from app.leads.search.lookup import visible_to
from app.leads.timeline.responses import has_time_to_contact, seconds_to_contact
from app.tasks.lookup import all_visible_tasks, visible_tasks
from app.tasks.models import Task, TaskStatus
from app.tasks.queue.completion import completion, completion_rate
from app.tasks.queue.queue import has_status

LOOKED_BACK: Final = timedelta(days=30)
OPEN_GROUPS: Final = ((TaskStatus.PENDING, TaskStatus.IN_PROGRESS), (TaskStatus.OVERDUE,))  # each group has an index
_COMPLETED: Final = (TaskStatus.COMPLETED,)


def dashboard(session: Session, actor: Actor, query: JsonObject) -> JsonDict:
    """Return the figures in the form of `DashboardOut`, for all users or one. Raises Invalid."""
    at, calendar = now(), actor.clinic.calendar
    tasks = counted_tasks(actor)
    if "assigned_to_id" in query:
        tasks = tasks.where(Task.assigned_to_id == resolve_user_id(query["assigned_to_id"], actor))
    since = filter_conditions({"created_from": at - LOOKED_BACK}, actor)
    leads = select(Lead).where(*visible_to(actor), *filter_conditions(query, actor))
    return {
        "overdue": count(session, [tasks.where(has_status([TaskStatus.OVERDUE]))]),
        "due_today": _due_between(session, tasks, *_midnights(calendar, at, first=0, days=1)),
        "due_this_week": _due_between(session, tasks, *_midnights(calendar, at, first=-_weekday(calendar, at), days=7)),
        "rotting_leads": count(session, [leads.where(is_rotting())]),
        "completion_rate": _completion_rate(session, tasks, at),
        "response_seconds": _response_seconds(session, leads.where(*since)),
    }


def counted_tasks(actor: Actor) -> AnySelect:
    """Return the statement for the tasks that the actor may see; with scope `all` without a join with leads."""
    if actor.scope is Scope.ALL:
        return select(Task.status).where(*all_visible_tasks(actor))
    return select(Task.status).join(Lead, Lead.id == Task.lead_id).where(*visible_tasks(actor))


def _midnights(calendar: Calendar, at: datetime, *, first: int, days: int) -> list[datetime]:
    """Return the local start and end of `days` days, beginning `first` days after today."""
    day = calendar.local(at).date() + timedelta(days=first)
    return [calendar.at_wall_time(day + timedelta(days=later), time()) for later in (0, days)]


def _weekday(calendar: Calendar, at: datetime) -> int:
    return calendar.local(at).weekday()


def _due_between(session: Session, tasks: AnySelect, begin: datetime, end: datetime) -> int:
    due = tasks.where(Task.due_at >= begin, Task.due_at < end)
    return count(session, [due.where(has_status(group)) for group in OPEN_GROUPS])


def count(session: Session, parts: Sequence[AnySelect]) -> int:
    """Count the rows of disjoint statements. Each has an index of its own."""
    return sum(session.scalar(part.with_only_columns(func.count())) or 0 for part in parts)


def _completion_rate(session: Session, tasks: AnySelect, at: datetime) -> float | None:
    """Return the completion rate of the tasks that were due in the last 30 days, or were completed before that."""
    were_due = (Task.due_at >= at - LOOKED_BACK) & (Task.due_at < at)
    parts = [*(tasks.where(were_due, has_status(group)) for group in (*OPEN_GROUPS, _COMPLETED))]
    parts.append(tasks.where(Task.due_at >= at, has_status(_COMPLETED)))
    found: Counter[str] = Counter()
    for part in parts:
        counted = part.with_only_columns(completion(at).label("completion"), func.count()).group_by("completion")
        for which, number in session.execute(counted):
            found[which] += number
    return completion_rate(found)


def _response_seconds(session: Session, leads: AnySelect) -> float | None:
    """Return the mean time in seconds from creation to first contact."""
    mean: float | None = session.scalar(
        leads.with_only_columns(func.avg(seconds_to_contact())).where(has_time_to_contact())
    )
    return mean

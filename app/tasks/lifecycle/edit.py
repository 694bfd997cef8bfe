"""Edit an open task: update, snooze, start and pin."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from app.clock import now
from app.core.calendar.durations import parse_wait
from app.core.optimistic_locking import SeenVersions, require_version
from app.core.type_aliases import JsonObject
from app.core.validation.check_all import check_all
from app.engine.events.events import EventName
from app.engine.service import record
from app.errors import Invalid
from app.identity.actor import Actor
from app.identity.users.lookup import require_named_assignee
from app.leads.models import Lead
from app.tasks.errors import TaskIsOverdue
from app.tasks.facts import task_event
from app.tasks.lifecycle.reassign import reassign_task
from app.tasks.lifecycle.task_state import set_retimed, touch
from app.tasks.lookup import open_task
from app.tasks.models import Task, TaskStatus
from app.tasks.templates.typed_texts import check_texts, fill_texts


def update_task(session: Session, actor: Actor, task_id: UUID, data: JsonObject, *, seen: SeenVersions = None) -> Task:
    """Replace the fields in `data` (as `TaskChanges` reads them). Missing fields stay as they are.

    Raises NotFound, LeadIsLocked, LeadIsClosed, TaskIsClosed, ChangedMeanwhile, Invalid.
    """
    task, lead = open_task(session, actor, task_id)
    require_version(task, seen)
    _require_status_allowed(task, data)
    data = fill_texts(session, actor.clinic, lead, data)
    times = (task.due_at, task.reminder_minutes)
    for name in data.keys() - {"assigned_to_id"}:
        setattr(task, name, data[name])
    task.own_words = task.own_words or not data.keys().isdisjoint({"title", "description"})
    if data.get("assigned_to_id", task.assigned_to_id) != task.assigned_to_id:
        reassign_task(session, actor, task, lead, to=data["assigned_to_id"])
    if (task.due_at, task.reminder_minutes) == times:
        touch(task, at=now())
    else:
        _retime(session, actor, task, lead)
    return task


def check_change(session: Session, actor: Actor, data: JsonObject, /, **_: object) -> None:
    """Check what the schema cannot: assignee and merge fields. Raises Invalid with every error."""
    check_all(lambda: require_named_assignee(session, actor, data), lambda: check_texts(session, actor.clinic, data))


def snooze(session: Session, actor: Actor, task_id: UUID, data: JsonObject) -> Task:
    """Move the due time to `until` (in the future), or `by` a duration. Its reminders move with it.

    A duration counts from the due time, or from now if that is past. Weeks are calendar weeks; of days, those on which
    the clinic is closed do not count.
    Raises NotFound, LeadIsLocked, LeadIsClosed, TaskIsClosed.
    """
    task, lead = open_task(session, actor, task_id)
    task.due_at = task.snoozed_until = snoozed_until(actor, task.due_at, data)
    _retime(session, actor, task, lead)
    record(session, actor.clinic, task_event(EventName.TASK_SNOOZED, task, lead, task.updated_at))
    return task


def snoozed_until(actor: Actor, due_at: datetime, data: JsonObject) -> datetime:
    """Return the new due time: `until`, or `by` a duration from the present one, or from now if that is past."""
    until: datetime | None = data.get("until")
    if until:
        return until
    wait, calendar = parse_wait(data["by"]), actor.clinic.calendar
    after_weeks = calendar.add_wall_days(max(due_at, now()), wait.weeks * 7)
    return calendar.add_business_days(after_weeks, wait.time - timedelta(weeks=wait.weeks))


def start(session: Session, actor: Actor, task_id: UUID) -> Task:
    """Mark the task as in progress. Repeating this changes nothing.

    Raises NotFound, LeadIsLocked, LeadIsClosed, TaskIsClosed, TaskIsOverdue.
    """
    task, _ = open_task(session, actor, task_id)
    if task.status == TaskStatus.OVERDUE:
        raise TaskIsOverdue
    if task.status != TaskStatus.IN_PROGRESS:
        task.status = TaskStatus.IN_PROGRESS
        touch(task, at=now())
    return task


def pin(session: Session, actor: Actor, task_id: UUID, *, pinned: bool) -> Task:
    """Pin the task for all users, or unpin it.

    Raises NotFound, LeadIsLocked, LeadIsClosed, TaskIsClosed.
    """
    task, _ = open_task(session, actor, task_id)
    if task.pinned != pinned:
        task.pinned = pinned
        touch(task, at=now())
    return task


def _retime(session: Session, actor: Actor, task: Task, lead: Lead) -> None:
    record(session, actor.clinic, set_retimed(task, lead, at=now()))


def _require_status_allowed(task: Task, data: JsonObject) -> None:
    if task.status == TaskStatus.OVERDUE and "status" in data and data.get("due_at", task.due_at) <= now():
        raise Invalid.at("/status", "The task is overdue: complete it or reschedule it.")

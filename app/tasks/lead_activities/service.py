"""Lead activity service: create, complete, delete and count, on top of tasks and the timeline."""

from collections import Counter
from collections.abc import Iterator
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import AnySelect, first_id_at
from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation.check_all import check_all
from app.errors import Conflict, FieldError, Invalid, NotFound
from app.identity.actor import Actor
from app.identity.users.lookup import MUST_BE_ASSIGNABLE, is_assignable, resolve_user_id, users_by_id
from app.leads.models import Lead
from app.leads.search.lookup import visible_to
from app.leads.timeline.models import Activity, ActivityType
from app.messaging.user_notices.mentions import check_mentions, log_activity
from app.tasks import service as tasks
from app.tasks.lead_activities.conversion import to_activities
from app.tasks.lead_activities.lookup import list_all, of_customer, of_lead, planned, read_entry, read_one, timeline
from app.tasks.lead_activities.vocabulary_mapping import DATE_FIELDS, TO_ENTRY, TO_TASK, TYPE_OF_ENTRY, TYPE_OF_TASK
from app.tasks.models import Task, TaskPriority, TaskStatus, TaskType
from app.tasks.queue.dashboard import LOOKED_BACK, OPEN_GROUPS, count, counted_tasks, dashboard
from app.tasks.queue.queue import has_status

__all__ = [
    "check_new_activity",
    "complete",
    "create",
    "delete",
    "list_all",
    "of_customer",
    "of_lead",
    "planned",
    "read_one",
    "statistics",
    "timeline",
]


LOGGED: Final = (*TO_ENTRY.values(), ActivityType.SMS)  # types of entries that users log
_OWN_LEAD: Final = "Must be a lead of your clinic."


class HasHappened(Conflict):
    """This is a timeline entry: it has already happened."""


class HistoryStays(Conflict):
    """This is a timeline entry: timeline entries cannot be deleted."""


def create(session: Session, actor: Actor, data: JsonObject) -> JsonDict:
    """Create a task if `data` (as `LeadActivityIn` reads it) has a date; otherwise log a timeline entry.

    Raises LeadIsLocked, LeadIsClosed, Invalid.
    """
    is_planned = any(name in data for name in DATE_FIELDS)
    try:
        made = (_plan if is_planned else _log)(session, actor, data)
    except NotFound:
        raise Invalid.at("/opportunity_id", _OWN_LEAD) from None
    session.flush()
    return to_activities(session, actor, [made])[0]


def check_new_activity(session: Session, actor: Actor, data: JsonObject, /, **_: object) -> None:
    """Check the lead, the assignee and the mentioned users. Raises Invalid with every error."""
    check_all(
        lambda: _require_lead(session, actor, data),
        lambda: _require_assignee(session, actor, data),
        lambda: check_mentions(session, actor, data, lead_id=data["opportunity_id"]),
    )


def _require_lead(session: Session, actor: Actor, data: JsonObject) -> None:
    if not session.scalar(select(Lead.id).where(Lead.id == data["opportunity_id"], *visible_to(actor))):
        raise Invalid.at("/opportunity_id", _OWN_LEAD)


def _require_assignee(session: Session, actor: Actor, data: JsonObject) -> None:
    chosen = data.get("assigned_to")
    if chosen and not is_assignable(users_by_id(session, actor.clinic.id, [chosen]), chosen):
        raise Invalid.at("/assigned_to", MUST_BE_ASSIGNABLE)


def complete(session: Session, actor: Actor, activity_id: UUID, data: JsonObject) -> JsonDict:
    """Complete the task. Raises NotFound, HasHappened, LeadIsLocked, LeadIsClosed, TaskIsClosed."""
    try:
        task = tasks.complete(session, actor, activity_id, data)
    except NotFound:
        read_entry(session, actor, activity_id)
        raise HasHappened from None
    return to_activities(session, actor, [task])[0]


def delete(session: Session, actor: Actor, activity_id: UUID) -> None:
    """Delete a task that was created by mistake.

    Raises NotFound, HistoryStays, LeadIsLocked, LeadIsClosed, TaskIsClosed.
    """
    try:
        tasks.delete(session, actor, activity_id)
    except NotFound:
        read_entry(session, actor, activity_id)
        raise HistoryStays from None


def statistics(session: Session, actor: Actor, query: JsonObject) -> JsonDict:
    """Return the figures in the form of `StatisticsOut`. Raises Invalid."""
    mine, who = counted_tasks(actor), None
    if "assigned_to" in query:
        who = resolve_user_id(query["assigned_to"], actor, pointer="/assigned_to")
        mine = mine.where(Task.assigned_to_id == who)
    by_type: Counter[str] = Counter()
    by_outcome: Counter[str] = Counter()
    for type_, outcome, number in [*_completed(session, mine), *_logged(session, actor, who)]:
        by_type[type_] += number
        by_outcome[outcome or ""] += number
    return {
        **dashboard(session, actor, {} if who is None else {"assigned_to_id": who}),
        "pending": count(session, [mine.where(has_status(OPEN_GROUPS[0]))]),
        "by_type": by_type,
        "by_outcome": {outcome: number for outcome, number in by_outcome.items() if outcome},
    }


def _completed(session: Session, tasks: AnySelect) -> Iterator[tuple[str, str | None, int]]:
    """Yield type, outcome and number of the completed tasks that were due in the last 30 days or later."""
    done = tasks.where(has_status([TaskStatus.COMPLETED]), Task.due_at >= now() - LOOKED_BACK)
    counted = done.with_only_columns(Task.type, Task.outcome, func.count()).group_by(Task.type, Task.outcome)
    for type_, outcome, number in session.execute(counted):
        yield TYPE_OF_TASK[TaskType(type_)], outcome, number


def _logged(session: Session, actor: Actor, who: UUID | None) -> Iterator[tuple[str, str | None, int]]:
    """Yield type, outcome and number of the entries that users logged in the last 30 days, without a task."""
    by_user = Activity.created_by.is_not(None) if who is None else Activity.created_by == who
    wanted = (Activity.id >= first_id_at(now() - LOOKED_BACK), Activity.type.in_(LOGGED), Activity.task_id.is_(None))
    entries = select(Activity.type, Activity.outcome, func.count()).join(Lead, Lead.id == Activity.lead_id)
    known = entries.where(Activity.clinic_id == actor.clinic.id, *visible_to(actor), by_user, *wanted)
    for type_, outcome, number in session.execute(known.group_by(Activity.type, Activity.outcome)):
        yield TYPE_OF_ENTRY[ActivityType(type_)], outcome, number


def _plan(session: Session, actor: Actor, data: JsonObject) -> object:
    task = {
        "title": data["subject"],
        "description": data.get("description"),
        "type": TO_TASK[data["activity_type"]],
        "priority": data.get("priority", TaskPriority.NORMAL),
        "due_at": data.get("due_date") or data["scheduled_date"],
        **({"assigned_to_id": data["assigned_to"]} if "assigned_to" in data else {}),
    }
    try:
        return tasks.create_task(session, actor, data["opportunity_id"], task)
    except Invalid as mistake:
        raise _in_words_of_activities(mistake) from None


def _in_words_of_activities(mistake: Invalid) -> Invalid:
    """Return the mistakes in a task with the names of the fields of `LeadActivityIn`."""
    names = {"/title": "/subject", "/assigned_to_id": "/assigned_to"}
    return Invalid(*(FieldError(names.get(one.pointer, one.pointer), one.message) for one in mistake.errors))


def _log(session: Session, actor: Actor, data: JsonObject) -> object:
    lines = [data["subject"], *([data["description"]] if data.get("description") else [])]
    entry = {"type": TO_ENTRY[data["activity_type"]], "notes": "\n".join(lines)}
    entry |= {name: data[name] for name in ("outcome", "mentions") if name in data}
    return log_activity(session, actor, data["opportunity_id"], entry)

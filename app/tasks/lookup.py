"""Find tasks: one to change or to read, or a list."""

from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, select
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.core.db import AnyRow
from app.core.pagination import Key, Page, page
from app.core.type_aliases import JsonObject
from app.errors import Forbidden, NotFound
from app.identity.actor import Actor
from app.identity.permissions import Scope
from app.identity.users.lookup import resolve_user_id
from app.leads.models import Lead
from app.leads.search.lookup import (
    is_assigned_within,
    is_of_deleted_lead,
    read_lead,
    require_open,
    require_unrestricted,
)
from app.tasks.errors import TaskIsClosed
from app.tasks.models import OPEN_TASKS, Task, TaskStatus

BY_DUE: Final[list[Key]] = [(Task.due_at, "asc"), (Task.id, "asc")]

_ROWS: Final = select(Task.__table__).where(Task.deleted_at.is_(None))


def visible_tasks(actor: Actor) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for tasks (joined with their lead) that the actor may see.

    With a restricted scope, the task or its lead must be assigned to the actor or their team.
    """
    of_clinic = (Task.clinic_id == actor.clinic.id, Lead.clinic_id == actor.clinic.id)
    live = (*of_clinic, Task.deleted_at.is_(None), Lead.deleted_at.is_(None))
    if actor.scope is Scope.ALL:
        return live
    return (*live, is_assigned_within(actor, Task.assigned_to_id) | is_assigned_within(actor, Lead.assigned_to_id))


def all_visible_tasks(actor: Actor) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of `visible_tasks` for an actor with scope `all`, without a join with leads."""
    is_live = (Task.deleted_at.is_(None), ~is_of_deleted_lead(Task.lead_id, actor.clinic.id))
    return (Task.clinic_id == actor.clinic.id, *is_live)


def ids_in_scope(session: Session, actor: Actor, ids: Collection[UUID]) -> Sequence[UUID]:
    """Return the ids of the tasks that the actor may see, out of these."""
    return session.scalars(
        select(Task.id).join(Lead, Lead.id == Task.lead_id).where(Task.id.in_(ids), *visible_tasks(actor))
    ).all()


def open_task(session: Session, actor: Actor, task_id: UUID) -> tuple[Task, Lead]:
    """Lock and return an open task and its lead. The lead is locked first, as everywhere.

    Raises NotFound, LeadIsLocked, LeadIsClosed, TaskIsClosed.
    """
    wanted = (
        select(Lead, Task)
        .join(Task, Task.lead_id == Lead.id)
        .where(Task.id == task_id, *visible_tasks(actor))
        .with_for_update(key_share=True, of=(Lead, Task))
        .execution_options(populate_existing=True)
    )
    found = session.execute(wanted).one_or_none()
    if found is None:
        raise NotFound
    lead, task = found
    if task.status not in OPEN_TASKS:
        require_open(lead)
        raise TaskIsClosed
    require_unrestricted(lead)  # a closed lead may have open tasks: those created after it was closed
    return task, lead


def read_task(session: Session, actor: Actor, task_id: UUID) -> AnyRow:
    """Return the task's row. Raises NotFound, also for a task that the actor may not see."""
    found = session.execute(
        _ROWS.join(Lead, Lead.id == Task.lead_id).where(Task.id == task_id, *visible_tasks(actor))
    ).one_or_none()
    if found is None:
        raise NotFound
    audit_log.note_read(session, "task", [found.id])
    return found


def tasks_of_lead(session: Session, actor: Actor, lead_id: UUID, query: JsonObject) -> Page:
    """List a lead's tasks by due time, optionally with one status. Raises NotFound."""
    read_lead(session, actor, lead_id)
    tasks = _ROWS.where(Task.lead_id == lead_id, Task.clinic_id == actor.clinic.id)
    if "status" in query:
        tasks = tasks.where(Task.status == query["status"])
    return page(session, tasks, BY_DUE, query)


def my_tasks(session: Session, actor: Actor, query: JsonObject) -> Page:
    """List the actor's own tasks by due time: open ones, or those with the requested status.

    Raises Forbidden (for an API key).
    """
    if actor.user_id is None:
        raise Forbidden("Tasks belong to users; an API key has none.")
    statuses = [query["status"]] if "status" in query else OPEN_TASKS
    mine = _ROWS.where(Task.assigned_to_id == actor.user_id, Task.clinic_id == actor.clinic.id, _is_one_of(statuses))
    if "due_before" in query:
        mine = mine.where(Task.due_at < query["due_before"])
    return page(session, mine, BY_DUE, query)


def overdue_tasks(session: Session, actor: Actor, query: JsonObject) -> Page:
    """List the overdue tasks, the longest overdue first; of all users that the actor may see, or of one user."""
    late = _ROWS.where(Task.clinic_id == actor.clinic.id, _is_one_of([TaskStatus.OVERDUE]))
    if actor.scope is not Scope.ALL:
        late = late.join(Lead, Lead.id == Task.lead_id).where(*visible_tasks(actor))
    if "assigned_to_id" in query:
        late = late.where(Task.assigned_to_id == resolve_user_id(query["assigned_to_id"], actor))
    return page(session, late, BY_DUE, query)


def _is_one_of(statuses: Iterable[TaskStatus]) -> ColumnElement[bool]:
    """Compare with literals: the indexes are partial, and the query planner cannot see parameter values."""
    return Task.status.in_(bindparam("statuses", list(statuses), expanding=True, literal_execute=True))


class TaskPart(StrEnum):
    """Related objects that can be returned with a task."""

    LEAD = "lead"
    ASSIGNED_TO = "assigned_to"

"""Finding tasks: one, to change it, or a list."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, bindparam, select
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.core.pagination import Key, Page, page
from app.errors import Forbidden, NotFound
from app.identity.actor import Actor
from app.identity.permissions import Scope
from app.leads.assignment.people import who_is
from app.leads.lookup import is_assigned_within, read_lead, require_open, require_unrestricted
from app.leads.models import Lead
from app.tasks.errors import TaskIsClosed
from app.tasks.models import OPEN_TASKS, Task, TaskStatus

BY_DUE: Final[list[Key]] = [(Task.due_at, "asc"), (Task.id, "asc")]

_ROWS: Final = select(Task.__table__).where(Task.deleted_at.is_(None))


def known_to(actor: Actor) -> tuple[ColumnElement[bool], ...]:
    """What a task, joined with its lead, has to be for this actor to know of it: its lead is theirs, or it is."""
    of_clinic = (Task.clinic_id == actor.clinic.id, Lead.clinic_id == actor.clinic.id)
    live = (*of_clinic, Task.deleted_at.is_(None), Lead.deleted_at.is_(None))
    if actor.scope is Scope.ALL:
        return live
    return (*live, is_assigned_within(actor, Task.assigned_to_id) | is_assigned_within(actor, Lead.assigned_to_id))


def ids_in_scope(session: Session, actor: Actor, ids: Collection[UUID]) -> Sequence[UUID]:
    """Those of these tasks that the actor's scope holds."""
    return session.scalars(
        select(Task.id).join(Lead, Lead.id == Task.lead_id).where(Task.id.in_(ids), *known_to(actor))
    ).all()


def open_task(session: Session, actor: Actor, task_id: UUID) -> tuple[Task, Lead]:
    """The task and its lead, both locked (the lead first, as everywhere), to be worked on.

    Raises NotFound, LeadIsLocked, LeadIsClosed, TaskIsClosed.
    """
    wanted = (
        select(Lead, Task)
        .join(Task, Task.lead_id == Lead.id)
        .where(Task.id == task_id, *known_to(actor))
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
    require_unrestricted(lead)  # its end closes a lead's tasks: one that is open is about what comes after it
    return task, lead


def read_task(session: Session, actor: Actor, task_id: UUID) -> Row[Any]:
    """The task's row, to look at. Raises NotFound, also for one that the actor does not know of."""
    found = session.execute(
        _ROWS.join(Lead, Lead.id == Task.lead_id).where(Task.id == task_id, *known_to(actor))
    ).one_or_none()
    if found is None:
        raise NotFound
    audit_log.saw(session, "task", [found.id])
    return found


def tasks_of_lead(session: Session, actor: Actor, lead_id: UUID, query: Mapping[str, Any]) -> Page:
    """A lead's tasks as they are due, all of them or those with the status asked for. Raises NotFound."""
    read_lead(session, actor, lead_id)
    tasks = _ROWS.where(Task.lead_id == lead_id, Task.clinic_id == actor.clinic.id)
    if "status" in query:
        tasks = tasks.where(Task.status == query["status"])
    return page(session, tasks, BY_DUE, query)


def my_tasks(session: Session, actor: Actor, query: Mapping[str, Any]) -> Page:
    """The actor's own tasks as they are due: those that are open, or have the status asked for. Raises Forbidden."""
    if actor.user_id is None:
        raise Forbidden("Tasks belong to people; an API key has none.")
    statuses = [query["status"]] if "status" in query else OPEN_TASKS
    mine = _ROWS.where(Task.assigned_to_id == actor.user_id, Task.clinic_id == actor.clinic.id, _is_one_of(statuses))
    if "due_before" in query:
        mine = mine.where(Task.due_at < query["due_before"])
    return page(session, mine, BY_DUE, query)


def overdue_tasks(session: Session, actor: Actor, query: Mapping[str, Any]) -> Page:
    """The tasks that are late, the latest first; everybody's whom the actor knows of, or one person's."""
    late = _ROWS.where(Task.clinic_id == actor.clinic.id, _is_one_of([TaskStatus.OVERDUE]))
    if actor.scope is not Scope.ALL:
        late = late.join(Lead, Lead.id == Task.lead_id).where(*known_to(actor))
    if "assigned_to_id" in query:
        late = late.where(Task.assigned_to_id == who_is(query["assigned_to_id"], actor))
    return page(session, late, BY_DUE, query)


def _is_one_of(statuses: Iterable[TaskStatus]) -> ColumnElement[bool]:
    """Spelled out in the statement: the indexes are partial, and a plan can't see into a parameter."""
    return Task.status.in_(bindparam("statuses", list(statuses), expanding=True, literal_execute=True))


class TaskPart(StrEnum):
    """What a task names, and can be shown along with it."""

    LEAD = "lead"
    ASSIGNED_TO = "assigned_to"

"""Export the work queue as a file."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import IO, Any, Final

from sqlalchemy import and_, case, null
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.core.files.exports import BATCH_SIZE, require_row_limit, write_file
from app.core.pagination import ordered_by
from app.core.type_aliases import JsonObject
from app.identity.actor import Actor
from app.identity.models import User
from app.identity.permissions import Permission, Scope
from app.leads.models import Lead
from app.leads.search.lookup import visible_to
from app.security.encrypted_fields import decrypt_or_none
from app.tasks.models import Task, TaskStatus
from app.tasks.queue.queue import ORDERS, Sort, has_status, open_statuses, resolve_rare_filters, tasks_of

_TASK_COLUMNS: Final = (
    *(Task.id, Task.lead_id, Task.title, Task.description, Task.type, Task.priority, Task.status, Task.due_at),
    *(Task.completed_at, Task.outcome, Task.completion_notes, Task.cancelled_reason, Task.tags, Task.pinned),
    *(Task.created_at, Task.version),
)
_LEAD_COLUMNS: Final = (Lead.first_name, Lead.last_name, Lead.sealed, Lead.pipeline_stage)
HEADINGS: Final = (
    *(column.key for column in _TASK_COLUMNS),
    "assigned_to",
    *("lead_first_name", "lead_last_name", "lead_phone", "lead_email", "lead_pipeline_stage"),
)


def export(session: Session, actor: Actor, query: JsonObject) -> IO[bytes]:
    """Return a file with the tasks that match the filters and their leads' names, positioned at its start.

    Raises Invalid, TooMuchToExport.
    """
    return write_file(query["format"], chain([HEADINGS], _rows(session, actor, query)))


def _lead_columns(actor: Actor) -> Sequence[Any]:
    """Return the lead columns. Leads that the actor may not see have empty columns."""
    if actor.scope is Scope.ALL:
        return _LEAD_COLUMNS
    return [case((and_(*visible_to(actor)), column)).label(column.key) for column in _LEAD_COLUMNS]


def _task_columns(actor: Actor) -> Sequence[Any]:
    """Return the task columns. Notes are empty for an actor without `lead:private`."""
    if actor.allows(Permission.LEAD_PRIVATE):
        return _TASK_COLUMNS
    return [null().label(one.key) if one is Task.completion_notes else one for one in _TASK_COLUMNS]


def _rows(session: Session, actor: Actor, query: JsonObject) -> Iterator[Sequence[Any]]:
    query = resolve_rare_filters(session, actor, query)
    statuses = open_statuses(query) if query["sort"] == Sort.URGENT else query.get("status", TaskStatus)
    tasks = (
        tasks_of(actor, query)
        .outerjoin(User, User.id == Task.assigned_to_id)
        .with_only_columns(*_task_columns(actor), User.name, *_lead_columns(actor))
        .where(has_status(statuses))
        .order_by(*ordered_by(ORDERS[query["sort"]]))
    )
    require_row_limit(session, tasks.with_only_columns(Task.id))
    found = session.execute(tasks.execution_options(yield_per=BATCH_SIZE))
    for rows in found.partitions(BATCH_SIZE):
        audit_log.note_read(session, "task", [row.id for row in rows])
        audit_log.note_read(session, "lead", {row.lead_id for row in rows if row.first_name is not None})
        yield from map(_cells, rows)


def _cells(row: Any) -> Sequence[object]:
    *of_task, first_name, last_name, sealed, stage = row
    lead = decrypt_or_none(Lead, row.lead_id, sealed)
    return [*of_task, first_name, last_name, lead["phone"], lead["email"], stage]

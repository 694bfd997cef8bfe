"""Batch operations on tasks: up to 100 operations in one request and one transaction. Each succeeds or fails alone."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, NamedTuple
from uuid import UUID

from marshmallow import ValidationError
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.api.tasks.batch_schemas import Reschedule
from app.api.tasks.queue_schemas import Handover, Pin, QueuedTaskIn
from app.api.tasks.schemas import Cancellation, Completion, Snooze
from app.audit import audit_log
from app.core.database import savepoint
from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation.check_all import InvalidFields, with_errors_of
from app.core.validation.json_pointer import pointer
from app.errors import FieldError, Invalid, RelanceError
from app.http.lookups import Lookups
from app.http.schemas.fields import Id
from app.http.schemas.schema import Schema
from app.identity.actor import Actor
from app.identity.users.lookup import require_named_assignee
from app.leads.models import Lead
from app.leads.search.lookup import visible_to
from app.tasks import service
from app.tasks.models import OPEN_TASKS, Task
from app.tasks.workload.assignment_warnings import AssignmentWarning, assignment_warnings


@dataclass(frozen=True, slots=True)
class Result:
    """Result of an operation: the task, or the error."""

    index: int
    status: int
    task: Task | None = None
    error: RelanceError | None = None
    warnings: Sequence[AssignmentWarning] = ()


class Operation(NamedTuple):
    """An operation: the schema of its fields besides `op` and `id`, and its function."""

    schema: Schema
    run: Callable[[Session, Actor, UUID, JsonObject], Task]
    lookups: Lookups | None = None


ON_A_TASK: Final[Mapping[str, Operation]] = {
    "complete": Operation(Completion(), service.complete, service.check_completion),
    "cancel": Operation(Cancellation(), service.cancel, service.check_cancellation),
    "start": Operation(Schema(), lambda s, a, id_, _: service.start(s, a, id_)),
    "snooze": Operation(Snooze(), service.snooze),
    "reschedule": Operation(Reschedule(), service.update_task),
    "reassign": Operation(
        Handover(),
        lambda s, a, id_, given: service.reassign(
            s, a, id_, given["assigned_to_id"], reason=given.get("reason"), notifies=False
        ),
        require_named_assignee,
    ),
    "pin": Operation(Pin(), lambda s, a, id_, given: service.pin(s, a, id_, pinned=given["pinned"])),
}
CREATE: Final = "create"

_NEW: Final = QueuedTaskIn()


def run_operations(session: Session, actor: Actor, operations: Sequence[JsonObject]) -> list[Result]:
    """Run the operations in order. Return the result of each one.

    Each user to whom they give tasks gets one notice.
    """
    _lock_leads(session, actor, operations)
    before = _assignees(session, _ids(operations, "id"))
    results = [_one(session, actor, index, operation) for index, operation in enumerate(operations)]
    changed = {result.task.id: result.task for result in results if result.task}
    given = [task for task in changed.values() if task.assigned_to_id != before.get(task.id)]
    open_ones = [task for task in given if task.status in OPEN_TASKS]
    service.notify_assignees(session, actor, open_ones)
    warnings = assignment_warnings(session, actor, open_ones)
    return [replace(one, warnings=warnings.get(one.task.id, ())) if one.task else one for one in results]


def _assignees(session: Session, ids: Sequence[UUID]) -> Mapping[UUID, UUID | None]:
    found = session.execute(select(Task.id, Task.assigned_to_id).where(Task.id.in_(ids)))
    return {row[0]: row[1] for row in found}


def _one(session: Session, actor: Actor, index: int, operation: JsonObject) -> Result:
    session.execute(savepoint.BEGIN)
    before = audit_log.notes_count(session)
    try:
        task = _act(session, actor, dict(operation))
        session.flush()
    except RelanceError as error:
        session.execute(savepoint.UNDO)
        audit_log.discard_notes_after(session, before)
        session.expunge_all()  # discard its partial changes; the tasks of earlier operations are already written
        return Result(index, error.status, error=_with_position(error, index))
    session.execute(savepoint.KEEP)
    return Result(index, 201 if operation["op"] == CREATE else 200, task)


def _act(session: Session, actor: Actor, operation: JsonDict) -> Task:
    name = operation.pop("op", None)
    if name == CREATE:
        given = _read(_NEW, operation, partial(service.check_new_task, session, actor))
        return service.create_for_named_lead(session, actor, given, notifies=False)
    if not isinstance(name, str) or name not in ON_A_TASK:
        raise Invalid.at("/op", f"Must be one of {', '.join((CREATE, *ON_A_TASK))}.")
    kind, task_id = ON_A_TASK[name], _id(operation.pop("id", None))
    check = partial(kind.lookups, session, actor, task_id=task_id) if kind.lookups else None
    return kind.run(session, actor, task_id, _read(kind.schema, operation, check))


def _read(schema: Schema, operation: JsonDict, check: Callable[[JsonObject], object] | None) -> JsonDict:
    """Read the fields of an operation. Raises Invalid with every error."""
    try:
        given: JsonDict = schema.read(operation)
    except InvalidFields as found:
        if check is None:
            raise
        raise with_errors_of(partial(check, found.valid), found) from None
    return given


def _id(value: object) -> UUID:
    try:
        found: UUID = Id(required=True).deserialize(value)
    except ValidationError:
        raise Invalid.at("/id", "Must be the id of a task.") from None
    return found


def _with_position(error: RelanceError, index: int) -> RelanceError:
    """Prefix each error pointer with the operation's position."""
    if not isinstance(error, Invalid):
        return error
    place = pointer("operations", index)
    return Invalid(*(FieldError(place + mistake.pointer, mistake.message) for mistake in error.errors))


def _lock_leads(session: Session, actor: Actor, operations: Sequence[JsonObject]) -> None:
    """Lock all leads in one order, so that two batches over the same leads do not deadlock."""
    tasks, leads = (_ids(operations, name) for name in ("id", "lead_id"))
    of_tasks = select(Task.lead_id).where(Task.id.in_(tasks))
    wanted = select(Lead.id).where(or_(Lead.id.in_(leads), Lead.id.in_(of_tasks)), *visible_to(actor))
    session.execute(wanted.order_by(Lead.id).with_for_update(key_share=True, of=Lead))


def _ids(operations: Sequence[JsonObject], name: str) -> list[UUID]:
    found: list[UUID] = []
    for operation in operations:
        with suppress(Invalid):  # reported when the operation runs
            found.append(_id(operation.get(name)))
    return found

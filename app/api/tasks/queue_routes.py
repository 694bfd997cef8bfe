"""The work queue: the same tasks as under `/api/leads`, across leads."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from app.api.tasks import batch
from app.api.tasks.batch_schemas import BatchIn, BatchOut
from app.api.tasks.expand import expanded
from app.api.tasks.queue_schemas import Handover, Pin, QueuedTaskIn, QueuedTaskOut, QueueQuery
from app.api.tasks.schemas import Cancellation, Completion, Snooze, TaskChanges, TaskOut
from app.core.optimistic_locking import Seen
from app.core.pagination import Page
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.preconditions import if_match
from app.http.problems import described
from app.http.schemas.paging import page_of
from app.identity.permissions import Permission
from app.tasks import service

blp = Blueprint("followups", __name__, url_prefix="/api/followups", description="The work queue: tasks across leads.")


@blp.get("")
@allow(Permission.LEAD_READ)
@blp.arguments(QueueQuery)
@blp.response(200, page_of(QueuedTaskOut))
def list_tasks(query: dict[str, Any]) -> Page:
    """List tasks across leads.

    As they are due, unless another order is asked for; done and cancelled ones too, unless a status is.
    """
    with reading() as session:
        found = service.list_tasks(session, actor(), query)
        return replace(found, items=expanded(session, actor(), found.items, query.get("expand", ())))


@blp.post("")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(QueuedTaskIn)
@blp.response(201, TaskOut)
@blp.alt_response(409, "CONFLICT")
def create_task(given: dict[str, Any]) -> Any:
    """Plan a task for the lead that is named.

    For the lead's coordinator, unless somebody else is named. With `template_id` it is what the template says, but
    for what is given.
    """
    with unit_of_work() as session:
        return service.create_for_named_lead(session, actor(), given)


@blp.post("/batch")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(BatchIn)
@blp.response(207, BatchOut)
def carry_out(given: dict[str, Any]) -> dict[str, Any]:
    """Carry out up to a hundred operations on tasks.

    In their order and in one transaction; one that fails says why, and the others are carried out all the same. For
    a task for many leads there is `POST /api/followups/bulk`.
    """
    with unit_of_work() as session:
        results = batch.carry_out(session, actor(), given["operations"])
    shown = [_shown(result) for result in results]
    failed = sum(result.error is not None for result in results)
    return {"succeeded": len(results) - failed, "failed": failed, "results": shown}


def _shown(result: batch.Result) -> dict[str, Any]:
    return {
        "index": result.index,
        "status": result.status,
        "task_id": result.task and result.task.id,
        "task": result.task,
        "problem": described(result.error) if result.error else None,
    }


@blp.get("/<uuid:task_id>")
@allow(Permission.LEAD_READ)
@blp.response(200, TaskOut)
def get_task(task_id: UUID) -> Any:
    """Show a task of the queue."""
    with reading() as session:
        return service.read_task(session, actor(), task_id)


@blp.put("/<uuid:task_id>")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(TaskChanges)
@blp.response(200, TaskOut)
@blp.alt_response(409, "CONFLICT")
@if_match
def update_task(given: dict[str, Any], task_id: UUID, seen: Seen) -> Any:
    """Edit a task of the queue.

    The fields given are replaced; those not given stay as they are. Moving it moves its reminders.
    """
    with unit_of_work() as session:
        return service.update_task(session, actor(), task_id, given, seen=seen)


@blp.delete("/<uuid:task_id>")
@allow(Permission.LEAD_UPDATE)
@blp.response(204)
@blp.alt_response(409, "CONFLICT")
@if_match
def delete_task(task_id: UUID, seen: Seen) -> None:
    """Delete a task that is still to be done.

    It is cancelled, and shown no more; the lead's timeline remembers it. What is done or cancelled stays.
    """
    with unit_of_work() as session:
        service.delete(session, actor(), task_id, seen=seen)


@blp.post("/<uuid:task_id>/complete")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(Completion, required=False)
@blp.response(200, TaskOut)
@blp.alt_response(409, "CONFLICT")
def complete(given: dict[str, Any], task_id: UUID) -> Any:
    """Say that a task of the queue is done, and what came of it.

    Only once: the second to say so gets 409. An `activity` that comes along is logged with it, or neither is.
    """
    with unit_of_work() as session:
        return service.complete(session, actor(), task_id, given)


@blp.post("/<uuid:task_id>/cancel")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(Cancellation, required=False)
@blp.response(200, TaskOut)
@blp.alt_response(409, "CONFLICT")
def cancel(given: dict[str, Any], task_id: UUID) -> Any:
    """Say that a task of the queue need not be done."""
    with unit_of_work() as session:
        return service.cancel(session, actor(), task_id, reason=given.get("reason"))


@blp.post("/<uuid:task_id>/snooze")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(Snooze)
@blp.response(200, TaskOut)
@blp.alt_response(409, "CONFLICT")
def snooze(given: dict[str, Any], task_id: UUID) -> Any:
    """Put a task of the queue off.

    Its reminders move along.
    """
    with unit_of_work() as session:
        return service.snooze(session, actor(), task_id, until=given["until"])


@blp.post("/<uuid:task_id>/start")
@allow(Permission.LEAD_UPDATE)
@blp.response(200, TaskOut)
@blp.alt_response(409, "CONFLICT")
def start(task_id: UUID) -> Any:
    """Say that somebody is at a task.

    An overdue one has to be moved first, or is completed.
    """
    with unit_of_work() as session:
        return service.start(session, actor(), task_id)


@blp.post("/<uuid:task_id>/reassign")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(Handover)
@blp.response(200, TaskOut)
@blp.alt_response(409, "CONFLICT")
def reassign(given: dict[str, Any], task_id: UUID) -> Any:
    """Hand a task to somebody else.

    They are told in the app, and the lead's timeline says who handed it to whom, and why.
    """
    with unit_of_work() as session:
        return service.reassign(session, actor(), task_id, given["assigned_to_id"], reason=given.get("reason"))


@blp.post("/<uuid:task_id>/pin")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(Pin)
@blp.response(200, TaskOut)
@blp.alt_response(409, "CONFLICT")
def pin(given: dict[str, Any], task_id: UUID) -> Any:
    """Pin a task, or take it down.

    For everybody who sees it.
    """
    with unit_of_work() as session:
        return service.pin(session, actor(), task_id, pinned=given["pinned"])

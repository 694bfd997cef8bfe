"""Routes of the work queue: the tasks of `/api/leads`, across leads."""

from uuid import UUID

from app.api.tasks import batch
from app.api.tasks.batch_schemas import BatchIn, BatchOut
from app.api.tasks.expand import list_named_tasks
from app.api.tasks.queue_schemas import Handover, Pin, QueuedTaskIn, QueuedTaskOut, QueueQuery
from app.api.tasks.schemas import AssignedTaskOut, TaskOut
from app.api.tasks.task_routes import add_task_routes
from app.core.optimistic_locking import SeenVersions
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.preconditions import if_match
from app.http.problems import to_problem
from app.http.schemas.paging import page_of
from app.identity.permissions import Permission
from app.identity.users.lookup import require_named_assignee
from app.tasks import service
from app.tasks.workload.assignment_warnings import with_warnings

blp = Blueprint("followups", __name__, url_prefix="/api/followups", description="The work queue: tasks across leads.")


@blp.get("")
@allow(Permission.LEAD_READ)
@blp.arguments(QueueQuery)
@blp.response(200, page_of(QueuedTaskOut))
def list_tasks(query: JsonDict) -> Page:
    """List tasks across leads.

    Ordered by due time unless `sort` is given. Includes completed and cancelled tasks unless `status` is given.
    """
    with reading() as session:
        return list_named_tasks(session, actor(), query)


@blp.post("")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(QueuedTaskIn, lookups=service.check_new_task)
@blp.response(201, AssignedTaskOut)
@blp.alt_response(409, "CONFLICT")
@blp.alt_response(404, "NOT_FOUND")
@blp.alt_response(410, "GONE")
def create_task(given: JsonDict) -> object:
    """Create a task for a lead.

    Assigned to the lead's coordinator unless `assigned_to_id` is given. With `template_id`, missing fields come from
    the template.
    """
    with unit_of_work() as session:
        return with_warnings(session, actor(), service.create_for_named_lead(session, actor(), given))


@blp.post("/batch")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(BatchIn)
@blp.response(207, BatchOut)
def carry_out(given: JsonDict) -> JsonDict:
    """Run up to 100 operations on tasks.

    The operations run in order and in one transaction. A failed operation reports its problem and does not affect the
    others. To create tasks for many leads, use `POST /api/followups/bulk`.
    """
    with unit_of_work() as session:
        results = batch.run_operations(session, actor(), given["operations"])
    shown = [_to_response(result) for result in results]
    failed = sum(result.error is not None for result in results)
    return {"succeeded": len(results) - failed, "failed": failed, "results": shown}


def _to_response(result: batch.Result) -> JsonDict:
    return {
        "index": result.index,
        "status": result.status,
        "task_id": result.task and result.task.id,
        "task": result.task,
        "problem": to_problem(result.error) if result.error else None,
        "warnings": result.warnings,
    }


add_task_routes(blp, "/<uuid:task_id>", title="a task of the queue")


@blp.delete("/<uuid:task_id>")
@allow(Permission.LEAD_UPDATE)
@blp.response(204)
@blp.alt_response(409, "CONFLICT")
@if_match
def delete_task(task_id: UUID, seen: SeenVersions) -> None:
    """Delete an open task.

    The task is cancelled and hidden. The lead's timeline keeps a note. Completed and cancelled tasks cannot be deleted.
    """
    with unit_of_work() as session:
        service.delete(session, actor(), task_id, seen=seen)


@blp.post("/<uuid:task_id>/start")
@allow(Permission.LEAD_UPDATE)
@blp.response(200, TaskOut)
@blp.alt_response(409, "CONFLICT")
def start(task_id: UUID) -> object:
    """Start a task.

    An overdue task must be rescheduled or completed instead.
    """
    with unit_of_work() as session:
        return service.start(session, actor(), task_id)


@blp.post("/<uuid:task_id>/reassign")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(Handover, lookups=require_named_assignee)
@blp.response(200, AssignedTaskOut)
@blp.alt_response(409, "CONFLICT")
def reassign(given: JsonDict, task_id: UUID) -> object:
    """Assign a task to another user.

    The new assignee is notified in the app. The lead's timeline records the change with its reason.
    """
    with unit_of_work() as session:
        task = service.reassign(session, actor(), task_id, given["assigned_to_id"], reason=given.get("reason"))
        return with_warnings(session, actor(), task)


@blp.post("/<uuid:task_id>/pin")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(Pin)
@blp.response(200, TaskOut)
@blp.alt_response(409, "CONFLICT")
def pin(given: JsonDict, task_id: UUID) -> object:
    """Pin or unpin a task.

    Applies to all users who can see the task.
    """
    with unit_of_work() as session:
        return service.pin(session, actor(), task_id, pinned=given["pinned"])

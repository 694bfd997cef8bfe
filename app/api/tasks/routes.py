"""Routes of a lead's tasks: follow-ups for a person."""

from uuid import UUID

from app.api.tasks.schemas import (
    AssignedTaskOut,
    LeadTasksQuery,
    MyTasksQuery,
    OverdueQuery,
    TaskIn,
    TaskOut,
)
from app.api.tasks.task_routes import add_task_routes
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.schemas.paging import page_of
from app.identity.permissions import Permission
from app.tasks import service
from app.tasks.workload.assignment_warnings import with_warnings

blp = Blueprint("tasks", __name__, url_prefix="/api/leads", description="Follow-ups for a person.")


@blp.get("/<uuid:lead_id>/tasks")
@allow(Permission.LEAD_READ)
@blp.arguments(LeadTasksQuery)
@blp.response(200, page_of(TaskOut))
def tasks_of_lead(query: JsonDict, lead_id: UUID) -> Page:
    """List a lead's tasks.

    Ordered by due time.
    """
    with reading() as session:
        return service.tasks_of_lead(session, actor(), lead_id, query)


@blp.post("/<uuid:lead_id>/tasks")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(TaskIn, lookups=service.check_new_task)
@blp.response(201, AssignedTaskOut)
@blp.alt_response(409, "CONFLICT")
def create_task(given: JsonDict, lead_id: UUID) -> object:
    """Create a task for a lead.

    Assigned to the lead's coordinator unless `assigned_to_id` is given.
    """
    with unit_of_work() as session:
        return with_warnings(session, actor(), service.create_task(session, actor(), lead_id, given))


@blp.get("/tasks/my-tasks")
@allow(Permission.LEAD_READ)
@blp.arguments(MyTasksQuery)
@blp.response(200, page_of(TaskOut))
def my_tasks(query: JsonDict) -> Page:
    """List my tasks.

    Ordered by due time. Default: open tasks.
    """
    with reading() as session:
        return service.my_tasks(session, actor(), query)


@blp.get("/tasks/overdue")
@allow(Permission.LEAD_READ)
@blp.arguments(OverdueQuery)
@blp.response(200, page_of(TaskOut))
def overdue_tasks(query: JsonDict) -> Page:
    """List the clinic's overdue tasks.

    The longest overdue first.
    """
    with reading() as session:
        return service.overdue_tasks(session, actor(), query)


add_task_routes(blp, "/tasks/<uuid:task_id>")

"""Routes of lead assignment: history, unassigned leads, workload, reassignment."""

from dataclasses import replace
from uuid import UUID

from app.api.assignment.lead_schemas import ReassignedOut, ReassignIn, WorkloadsOut
from app.api.assignment.rule_schemas import AssignmentOut
from app.api.leads.expand import lead_responses
from app.api.leads.out_schemas import LeadOut
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.schemas.paging import PageQuery, page_of
from app.identity.permissions import Permission
from app.leads.assignment import assignment_history
from app.leads.assignment import unassigned as unassigned_leads
from app.tasks.workload.reassign import check_reassignment, reassign
from app.tasks.workload.workload import workload

blp = Blueprint("assignment", __name__, url_prefix="/api/leads", description="Assignment of leads to users.")


@blp.get("/<uuid:lead_id>/assignments")
@allow(Permission.LEAD_READ)
@blp.arguments(PageQuery)
@blp.response(200, page_of(AssignmentOut))
def list_assignments(query: JsonDict, lead_id: UUID) -> Page:
    """List the assignment history of a lead.

    Newest first, with the rule that decided, or the user and their reason.
    """
    with reading() as session:
        return assignment_history.list_assignments(session, actor(), lead_id, query)


@blp.get("/unassigned")
@allow(Permission.LEAD_READ)
@blp.arguments(PageQuery)
@blp.response(200, page_of(LeadOut))
def list_unassigned(query: JsonDict) -> Page:
    """List unassigned open leads.

    Newest first: leads without a coordinator, or with a deactivated one. A job assigns them every minute, so the list
    is empty unless no user is eligible.
    """
    with reading() as session:
        found = unassigned_leads.list_unassigned(session, actor(), query)
        return replace(found, items=lead_responses(session, found.items, query))


@blp.get("/workload")
@allow(Permission.LEAD_ASSIGN)
@blp.response(200, WorkloadsOut)
def show_workload() -> JsonDict:
    """Show the workload of all users.

    Coordinators, and other users with open leads or tasks.
    """
    with reading() as session:
        return {"items": workload(session, actor())}


@blp.post("/reassign")
@allow(Permission.LEAD_ASSIGN)
@blp.arguments(ReassignIn, lookups=check_reassignment)
@blp.response(200, ReassignedOut)
def reassign_leads(given: JsonDict) -> JsonDict:
    """Reassign all open leads and tasks of a user.

    For example when they fall ill: to the users named, least loaded first, else by the assignment rules. The operation
    is atomic. Tasks move with their lead; reminders go to the new assignee of the task.
    """
    with unit_of_work() as session:
        return reassign(session, actor(), given)

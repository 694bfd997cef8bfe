"""Whose leads are whose: who has how much, who had it before, and moving what somebody has."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from app.api.assignment.lead_schemas import ReassignedOut, ReassignIn, WorkloadsOut
from app.api.assignment.rule_schemas import AssignmentOut
from app.api.leads.expand import expanded
from app.api.leads.out_schemas import LeadOut
from app.core.pagination import Page
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.schemas.paging import PageQuery, page_of
from app.identity.permissions import Permission
from app.leads.assignment.assignment_history import assignments_of
from app.leads.assignment.unassigned import unassigned
from app.tasks.workload.reassign import reassign
from app.tasks.workload.workload import workload

blp = Blueprint("assignment", __name__, url_prefix="/api/leads", description="Whose leads are whose.")


@blp.get("/<uuid:lead_id>/assignments")
@allow(Permission.LEAD_READ)
@blp.arguments(PageQuery)
@blp.response(200, page_of(AssignmentOut))
def list_assignments(query: dict[str, Any], lead_id: UUID) -> Page:
    """List who had a lead, and why.

    The newest first: which rule chose, or who gave it to whom for what reason.
    """
    with reading() as session:
        return assignments_of(session, actor(), lead_id, query)


@blp.get("/unassigned")
@allow(Permission.LEAD_READ)
@blp.arguments(PageQuery)
@blp.response(200, page_of(LeadOut))
def list_unassigned(query: dict[str, Any]) -> Page:
    """List the open leads that nobody looks after.

    Newest first: without a coordinator, or with one who no longer works here. Every minute they are given to somebody,
    so this is empty unless nobody can take them.
    """
    with reading() as session:
        found = unassigned(session, actor(), query)
        return replace(found, items=expanded(session, found.items, query))


@blp.get("/workload")
@allow(Permission.LEAD_ASSIGN)
@blp.response(200, WorkloadsOut)
def show_workload() -> dict[str, Any]:
    """Show how much everybody has to do.

    Coordinators, and whoever else has open leads or tasks.
    """
    with reading() as session:
        return {"items": workload(session, actor())}


@blp.post("/reassign")
@allow(Permission.LEAD_ASSIGN)
@blp.arguments(ReassignIn)
@blp.response(200, ReassignedOut)
def reassign_leads(given: dict[str, Any]) -> dict[str, Any]:
    """Move everything open of somebody to others.

    Their open leads and tasks, when they fall ill for example: to those named by load, else by the assignment rules.
    All of it or nothing. Tasks go along with their lead; reminders reach whoever has the task by then.
    """
    with unit_of_work() as session:
        return reassign(session, actor(), given)

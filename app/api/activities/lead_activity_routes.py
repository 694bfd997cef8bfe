"""Routes of `/api/lead-activities` (simplepro-follow-up-automation.md): tasks and timeline entries in one list."""

from uuid import UUID

from app.api.activities.lead_activity_schemas import (
    AllQuery,
    CompletionIn,
    LeadActivityIn,
    LeadActivityOut,
    LeadActivityQuery,
    PlannedQuery,
    StatisticsOut,
    StatisticsQuery,
)
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.schemas.paging import PageQuery, page_of
from app.identity.permissions import Permission
from app.tasks.lead_activities import service

blp = Blueprint(
    "lead-activities",
    __name__,
    url_prefix="/api/lead-activities",
    description="Tasks and timeline entries of leads, in one list.",
)


@blp.post("")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(LeadActivityIn, lookups=service.check_new_activity)
@blp.response(201, LeadActivityOut)
@blp.alt_response(409, "CONFLICT")
@blp.alt_response(404, "NOT_FOUND")
@blp.alt_response(410, "GONE")
def create(given: JsonDict) -> JsonDict:
    """Plan or log a lead activity.

    With a date, a task is created. Without one, the activity is logged on the timeline as past.
    """
    with unit_of_work() as session:
        return service.create(session, actor(), given)


@blp.get("")
@allow(Permission.LEAD_READ)
@blp.arguments(AllQuery)
@blp.response(200, page_of(LeadActivityOut))
def list_all(query: JsonDict) -> Page:
    """List lead activities.

    Planned and past activities together, newest first.
    """
    with reading() as session:
        return service.list_all(session, actor(), query)


@blp.get("/opportunity/<uuid:opportunity_id>")
@allow(Permission.LEAD_READ)
@blp.arguments(LeadActivityQuery)
@blp.response(200, page_of(LeadActivityOut))
def of_lead(query: JsonDict, opportunity_id: UUID) -> Page:
    """List a lead's activities.

    Planned and past activities together, newest first.
    """
    with reading() as session:
        return service.of_lead(session, actor(), opportunity_id, query)


@blp.get("/customer/<uuid:customer_id>")
@allow(Permission.LEAD_READ)
@blp.arguments(LeadActivityQuery)
@blp.response(200, page_of(LeadActivityOut))
def of_customer(query: JsonDict, customer_id: UUID) -> Page:
    """List a patient's activities.

    Activities of the leads that became this patient, newest first.
    """
    with reading() as session:
        return service.of_customer(session, actor(), customer_id, query)


@blp.get("/pending")
@allow(Permission.LEAD_READ)
@blp.arguments(PlannedQuery)
@blp.response(200, page_of(LeadActivityOut))
def pending(query: JsonDict) -> Page:
    """List open activities.

    Ordered by due time, including overdue ones.
    """
    with reading() as session:
        return service.planned(session, actor(), query, overdue=False)


@blp.get("/overdue")
@allow(Permission.LEAD_READ)
@blp.arguments(PlannedQuery)
@blp.response(200, page_of(LeadActivityOut))
def overdue(query: JsonDict) -> Page:
    """List overdue activities.

    The latest first.
    """
    with reading() as session:
        return service.planned(session, actor(), query, overdue=True)


@blp.get("/statistics")
@allow(Permission.LEAD_READ)
@blp.arguments(StatisticsQuery)
@blp.response(200, StatisticsOut)
def statistics(query: JsonDict) -> JsonDict:
    """Show statistics of lead activities.

    Open and overdue counts, completion rate, response time, and results by type and outcome.
    """
    with reading() as session:
        return service.statistics(session, actor(), query)


@blp.get("/timeline/<uuid:opportunity_id>")
@allow(Permission.LEAD_READ)
@blp.arguments(PageQuery)
@blp.response(200, page_of(LeadActivityOut))
def timeline(query: JsonDict, opportunity_id: UUID) -> Page:
    """Show the timeline of a lead as activities.

    Oldest first.
    """
    with reading() as session:
        return service.timeline(session, actor(), opportunity_id, query)


@blp.get("/<uuid:activity_id>")
@allow(Permission.LEAD_READ)
@blp.response(200, LeadActivityOut)
def read_one(activity_id: UUID) -> JsonDict:
    """Show a lead activity.

    By the id of a task or of a timeline entry.
    """
    with reading() as session:
        return service.read_one(session, actor(), activity_id)


@blp.patch("/<uuid:activity_id>/complete")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(CompletionIn, required=False)
@blp.response(200, LeadActivityOut)
@blp.alt_response(409, "CONFLICT")
def complete(given: JsonDict, activity_id: UUID) -> JsonDict:
    """Complete a planned activity.

    A second call gets 409.
    """
    with unit_of_work() as session:
        return service.complete(session, actor(), activity_id, given)


@blp.delete("/<uuid:activity_id>")
@allow(Permission.AUTOMATION_MANAGE)
@blp.response(204)
@blp.alt_response(409, "CONFLICT")
def delete(activity_id: UUID) -> None:
    """Delete a planned activity.

    The task is cancelled and hidden. Past activities stay on the timeline. For admins.
    """
    with unit_of_work() as session:
        service.delete(session, actor(), activity_id)

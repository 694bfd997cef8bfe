"""Lead activities: what is planned and what happened, at the paths of simplepro-follow-up-automation.md."""

from typing import Any
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
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.schemas.paging import PageQuery, page_of
from app.identity.permissions import Permission
from app.tasks.lead_activities import service

blp = Blueprint(
    "lead-activities",
    __name__,
    url_prefix="/api/lead-activities",
    description="Tasks and entries of the timeline as one kind of thing.",
)


@blp.post("")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(LeadActivityIn)
@blp.response(201, LeadActivityOut)
@blp.alt_response(409, "CONFLICT")
def create(given: dict[str, Any]) -> dict[str, Any]:
    """Plan a lead activity, or log one.

    With a date it is a task; without one it has happened, and goes to the timeline.
    """
    with unit_of_work() as session:
        return service.create(session, actor(), given)


@blp.get("")
@allow(Permission.LEAD_READ)
@blp.arguments(AllQuery)
@blp.response(200, page_of(LeadActivityOut))
def list_all(query: dict[str, Any]) -> Page:
    """List lead activities.

    Planned and past ones together, the newest first.
    """
    with reading() as session:
        return service.list_all(session, actor(), query)


@blp.get("/opportunity/<uuid:opportunity_id>")
@allow(Permission.LEAD_READ)
@blp.arguments(LeadActivityQuery)
@blp.response(200, page_of(LeadActivityOut))
def of_lead(query: dict[str, Any], opportunity_id: UUID) -> Page:
    """List a lead's activities.

    Planned and past ones together, the newest first.
    """
    with reading() as session:
        return service.of_lead(session, actor(), opportunity_id, query)


@blp.get("/customer/<uuid:customer_id>")
@allow(Permission.LEAD_READ)
@blp.arguments(LeadActivityQuery)
@blp.response(200, page_of(LeadActivityOut))
def of_customer(query: dict[str, Any], customer_id: UUID) -> Page:
    """List a patient's activities.

    Those of the leads that became this patient, the newest first.
    """
    with reading() as session:
        return service.of_customer(session, actor(), customer_id, query)


@blp.get("/pending")
@allow(Permission.LEAD_READ)
@blp.arguments(PlannedQuery)
@blp.response(200, page_of(LeadActivityOut))
def pending(query: dict[str, Any]) -> Page:
    """List what is still to be done.

    As it is due; what is late, too.
    """
    with reading() as session:
        return service.planned(session, actor(), query, overdue=False)


@blp.get("/overdue")
@allow(Permission.LEAD_READ)
@blp.arguments(PlannedQuery)
@blp.response(200, page_of(LeadActivityOut))
def overdue(query: dict[str, Any]) -> Page:
    """List what is late.

    The latest first.
    """
    with reading() as session:
        return service.planned(session, actor(), query, overdue=True)


@blp.get("/statistics")
@allow(Permission.LEAD_READ)
@blp.arguments(StatisticsQuery)
@blp.response(200, StatisticsOut)
def statistics(query: dict[str, Any]) -> dict[str, Any]:
    """Show figures of lead activities.

    What is to be done, how well the clinic keeps up, and what came of what was done.
    """
    with reading() as session:
        return service.statistics(session, actor(), query)


@blp.get("/timeline/<uuid:opportunity_id>")
@allow(Permission.LEAD_READ)
@blp.arguments(PageQuery)
@blp.response(200, page_of(LeadActivityOut))
def timeline(query: dict[str, Any], opportunity_id: UUID) -> Page:
    """Show what happened with a lead, as activities.

    In the order it happened.
    """
    with reading() as session:
        return service.timeline(session, actor(), opportunity_id, query)


@blp.get("/<uuid:activity_id>")
@allow(Permission.LEAD_READ)
@blp.response(200, LeadActivityOut)
def read_one(activity_id: UUID) -> dict[str, Any]:
    """Show a lead activity.

    By the id of a task, or of an entry of the timeline.
    """
    with reading() as session:
        return service.read_one(session, actor(), activity_id)


@blp.patch("/<uuid:activity_id>/complete")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(CompletionIn, required=False)
@blp.response(200, LeadActivityOut)
@blp.alt_response(409, "CONFLICT")
def complete(given: dict[str, Any], activity_id: UUID) -> dict[str, Any]:
    """Say that a planned activity is done.

    Only once: the second to say so gets 409.
    """
    with unit_of_work() as session:
        return service.complete(session, actor(), activity_id, given)


@blp.delete("/<uuid:activity_id>")
@allow(Permission.AUTOMATION_MANAGE)
@blp.response(204)
@blp.alt_response(409, "CONFLICT")
def delete(activity_id: UUID) -> None:
    """Delete a planned activity.

    It is cancelled, and shown no more; what happened stays on the timeline. For admins.
    """
    with unit_of_work() as session:
        service.delete(session, actor(), activity_id)

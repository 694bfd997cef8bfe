"""Routes of nurtures: scheduled enrollment of leads in sequences (leads-follow-up-feature.md)."""

from uuid import UUID

from app.api.automation.nurture_schemas import (
    FollowedLeadOut,
    FollowedLeadQuery,
    NurtureChange,
    NurtureDashboardOut,
    NurtureIn,
    NurtureOut,
    NurturePreviewOut,
    NurtureRunOut,
)
from app.api.messaging.template_report_schemas import PeriodQuery
from app.automation.nurtures import service
from app.automation.nurtures.dashboard import dashboard
from app.automation.nurtures.models import Nurture, NurtureRun
from app.automation.nurtures.tracking import leads_of
from app.core.calendar.date_range import date_range_of
from app.core.optimistic_locking import SeenVersions
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.preconditions import if_match
from app.http.schemas.paging import PageQuery, page_of
from app.identity.permissions import Permission

blp = Blueprint(
    "nurtures", __name__, url_prefix="/api/nurtures", description="Scheduled enrollment of leads in sequences."
)


@blp.get("")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(PageQuery)
@blp.response(200, page_of(NurtureOut))
def list_nurtures(query: JsonDict) -> Page:
    """List the clinic's nurtures.

    Ordered by name.
    """
    with reading() as session:
        return service.list_nurtures(session, actor(), query)


@blp.post("")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(NurtureIn, lookups=service.check_new)
@blp.response(201, NurtureOut)
@blp.alt_response(409, "CONFLICT")
def create_nurture(given: JsonDict) -> Nurture:
    """Create a nurture.

    Its first run is at the next scheduled hour.
    """
    with unit_of_work() as session:
        return service.create_nurture(session, actor(), given)


@blp.get("/dashboard")
@allow(Permission.LEAD_ANALYTICS)
@blp.arguments(PeriodQuery)
@blp.response(200, NurtureDashboardOut)
def nurture_dashboard(query: JsonDict) -> JsonDict:
    """Show the figures of all nurtures.

    Replies and conversions by sequence, step, message and hour. For messages created in a period of at most one year,
    to leads that you may see. Includes leads that were enrolled by hand or by a rule.
    """
    period = date_range_of(query.get("since"), query.get("until"))
    with reading() as session:
        return dashboard(session, actor(), period)


@blp.get("/<uuid:nurture_id>")
@allow(Permission.AUTOMATION_READ)
@blp.response(200, NurtureOut)
def get_nurture(nurture_id: UUID) -> Nurture:
    """Show a nurture."""
    with reading() as session:
        return service.find_nurture(session, actor(), nurture_id)


@blp.patch("/<uuid:nurture_id>")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(NurtureChange, lookups=service.check_change)
@blp.response(200, NurtureOut)
@if_match
def change_nurture(given: JsonDict, nurture_id: UUID, seen: SeenVersions) -> Nurture:
    """Edit, activate or deactivate a nurture.

    Missing fields stay as they are; the name cannot be changed. A run in progress uses the changes from its next batch.
    """
    with unit_of_work() as session:
        return service.change_nurture(session, actor(), nurture_id, given, seen=seen)


@blp.delete("/<uuid:nurture_id>")
@allow(Permission.AUTOMATION_MANAGE)
@blp.response(204)
@if_match
def delete_nurture(nurture_id: UUID, seen: SeenVersions) -> None:
    """Delete a nurture and its runs.

    Enrolled leads stay in the sequence.
    """
    with unit_of_work() as session:
        service.delete_nurture(session, actor(), nurture_id, seen=seen)


@blp.get("/<uuid:nurture_id>/runs")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(PageQuery)
@blp.response(200, page_of(NurtureRunOut))
def list_nurture_runs(query: JsonDict, nurture_id: UUID) -> Page:
    """List the runs of a nurture.

    The latest first. Includes missed runs.
    """
    with reading() as session:
        return service.list_runs(session, actor(), nurture_id, query)


@blp.post("/<uuid:nurture_id>/run")
@allow(Permission.AUTOMATION_MANAGE)
@blp.response(202, NurtureRunOut)
@blp.alt_response(409, "CONFLICT")
def run_nurture(nurture_id: UUID) -> NurtureRun:
    """Run a nurture now.

    At any hour, even if it is inactive. The run starts within a minute; its result is in the list of runs.
    """
    with unit_of_work() as session:
        return service.run_now(session, actor(), nurture_id)


@blp.get("/<uuid:nurture_id>/preview")
@allow(Permission.AUTOMATION_READ)
@blp.response(200, NurturePreviewOut)
def preview_nurture(nurture_id: UUID) -> JsonDict:
    """Preview how many leads a run would enroll now.

    Nothing is written. The sequence may still refuse some leads, such as those in another exclusive sequence.
    """
    with reading() as session:
        return service.preview(session, actor(), nurture_id)


@blp.get("/<uuid:nurture_id>/leads")
@allow(Permission.LEAD_READ)
@blp.arguments(FollowedLeadQuery)
@blp.response(200, page_of(FollowedLeadOut))
def list_followed_leads(query: JsonDict, nurture_id: UUID) -> Page:
    """List the leads that are or were in a nurture's sequence, with every message to each.

    The latest first. Includes leads that were enrolled by hand or by a rule.
    """
    with reading() as session:
        return leads_of(session, actor(), nurture_id, query)

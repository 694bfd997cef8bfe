"""Routes of saved reports."""

from dataclasses import replace
from uuid import UUID

from sqlalchemy.orm import Session

from app.analytics.reporting.saved import service
from app.analytics.reporting.saved.last_sent import shown
from app.analytics.reporting.saved.models import SavedReport
from app.api.analytics.files import ReportFormat, also_as_file
from app.api.analytics.saved_schemas import SavedReportIn, SavedReportOut, SavedRunOut, SavedRunQuery
from app.core.optimistic_locking import SeenVersions
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, read_from_replica, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.merge_patch import MergePatch
from app.http.preconditions import if_match
from app.http.schemas.paging import PageQuery, page_of
from app.identity.permissions import Permission

blp = Blueprint(
    "saved-reports",
    __name__,
    url_prefix="/api/leads/analytics/saved-reports",
    description="Reports with their parameters, for oneself or for the clinic, and their e-mails.",
)


@blp.get("")
@allow(Permission.LEAD_ANALYTICS)
@blp.arguments(PageQuery)
@blp.response(200, page_of(SavedReportOut))
def list_saved_reports(query: JsonDict) -> Page:
    """List my saved reports, shared ones, and those that are mailed to me.

    Ordered by name.
    """
    with reading() as session:
        found = service.list_saved_reports(session, actor(), query)
        return replace(found, items=shown(session, found.items))


@blp.post("")
@allow(Permission.LEAD_ANALYTICS)
@blp.arguments(SavedReportIn, lookups=service.require_known_ids)
@blp.response(201, SavedReportOut)
@blp.alt_response(409, "CONFLICT")
def create_saved_report(given: JsonDict) -> JsonDict:
    """Save a report.

    With a schedule, it is mailed once a week or a month to its recipients.
    """
    with unit_of_work() as session:
        return _shown(session, service.create_saved_report(session, actor(), given))


@blp.get("/<uuid:saved_report_id>")
@allow(Permission.LEAD_ANALYTICS)
@blp.response(200, SavedReportOut)
def get_saved_report(saved_report_id: UUID) -> JsonDict:
    """Show a saved report."""
    with reading() as session:
        return _shown(session, service.read_saved_report(session, actor(), saved_report_id))


@blp.put("/<uuid:saved_report_id>")
@allow(Permission.LEAD_ANALYTICS)
@blp.arguments(SavedReportIn, lookups=service.require_known_ids)
@blp.response(200, SavedReportOut)
@blp.alt_response(409, "CONFLICT")
@if_match
def update_saved_report(given: JsonDict, saved_report_id: UUID, seen: SeenVersions) -> JsonDict:
    """Replace one of my saved reports.

    Missing fields get their default. A changed schedule holds from now on.
    """
    with unit_of_work() as session:
        return _shown(session, service.update_saved_report(session, actor(), saved_report_id, given, seen=seen))


@blp.patch("/<uuid:saved_report_id>")
@allow(Permission.LEAD_ANALYTICS)
@blp.merge_patch(SavedReportIn, SavedReportOut, lookups=service.require_known_ids)
@blp.response(200, SavedReportOut)
@blp.alt_response(409, "CONFLICT")
@if_match
def edit_saved_report(patch: MergePatch, saved_report_id: UUID, seen: SeenVersions) -> JsonDict:
    """Edit one of my saved reports.

    Given fields are replaced; others stay unchanged.
    """
    with unit_of_work() as session:
        current = service.read_saved_report(session, actor(), saved_report_id)
        given, seen = patch.onto(session, current, seen)
        return _shown(session, service.update_saved_report(session, actor(), saved_report_id, given, seen=seen))


@blp.delete("/<uuid:saved_report_id>")
@allow(Permission.LEAD_ANALYTICS)
@blp.response(204)
@if_match
def delete_saved_report(saved_report_id: UUID, seen: SeenVersions) -> None:
    """Delete one of my saved reports, with its schedule."""
    with unit_of_work() as session:
        service.delete_saved_report(session, actor(), saved_report_id, seen=seen)


@blp.get("/<uuid:saved_report_id>/run")
@allow(Permission.LEAD_ANALYTICS)
@blp.arguments(SavedRunQuery)
@blp.response(200, SavedRunOut)
@also_as_file(blp, *ReportFormat)
def run_saved_report(query: JsonDict, saved_report_id: UUID) -> JsonDict:
    """Run a saved report.

    Figures count the leads that you may see. The formats are those of a report by name.
    """
    return read_from_replica(service.run_saved_report, saved_report_id, query)


def _shown(session: Session, row: SavedReport) -> JsonDict:
    [found] = shown(session, [row])
    return found

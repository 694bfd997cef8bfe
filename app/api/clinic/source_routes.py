"""Routes for lead sources."""

from uuid import UUID

from app.api.clinic.source_schemas import SourceIn, SourceOut, SourceQuery
from app.core.optimistic_locking import SeenVersions
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.merge_patch import MergePatch
from app.http.preconditions import if_match
from app.http.schemas.paging import page_of
from app.identity.permissions import Permission
from app.leads.attribution import sources
from app.leads.attribution.models import LeadSource

blp = Blueprint("lead-sources", __name__, url_prefix="/api/lead-sources", description="Lead sources.")


@blp.get("")
@allow(Permission.LEAD_READ)
@blp.arguments(SourceQuery)
@blp.response(200, page_of(SourceOut))
def list_sources(query: JsonDict) -> Page:
    """List the lead sources.

    Sorted by name.
    """
    with reading() as session:
        return sources.list_sources(session, actor().clinic.id, query)


@blp.post("")
@allow(Permission.LEAD_CONFIGURE)
@blp.arguments(SourceIn)
@blp.response(201, SourceOut)
@blp.alt_response(409, "CONFLICT")
def create_source(given: JsonDict) -> LeadSource:
    """Create a lead source.

    Its name must be unique within the clinic.
    """
    with unit_of_work() as session:
        return sources.create_source(session, actor().clinic.id, given)


@blp.get("/<uuid:source_id>")
@allow(Permission.LEAD_READ)
@blp.response(200, SourceOut)
def get_source(source_id: UUID) -> object:
    """Show a lead source."""
    with reading() as session:
        return sources.read_source(session, actor().clinic.id, source_id)


@blp.put("/<uuid:source_id>")
@allow(Permission.LEAD_CONFIGURE)
@blp.arguments(SourceIn)
@blp.response(200, SourceOut)
@blp.alt_response(409, "CONFLICT")
@if_match
def update_source(given: JsonDict, source_id: UUID, seen: SeenVersions) -> LeadSource:
    """Replace a lead source.

    Fields that are left out get their default. Leads keep a source that is no longer active.
    """
    with unit_of_work() as session:
        return sources.update_source(session, actor().clinic.id, source_id, given, seen=seen)


@blp.patch("/<uuid:source_id>")
@allow(Permission.LEAD_CONFIGURE)
@blp.merge_patch(SourceIn, SourceOut)
@blp.response(200, SourceOut)
@blp.alt_response(409, "CONFLICT")
@if_match
def edit_source(patch: MergePatch, source_id: UUID, seen: SeenVersions) -> object:
    """Edit a lead source.

    Given fields are replaced; others stay unchanged. To switch a source off, send `{"is_active": false}`.
    """
    with unit_of_work() as session:
        given, seen = patch.onto(session, sources.read_source(session, actor().clinic.id, source_id), seen)
        return sources.update_source(session, actor().clinic.id, source_id, given, seen=seen)

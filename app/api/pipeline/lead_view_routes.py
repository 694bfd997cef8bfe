"""Routes of saved views of leads."""

from typing import Final
from uuid import UUID

from app.api.pipeline.lead_view_schemas import LeadViewIn
from app.api.tasks.view_schemas import ViewOut
from app.core.optimistic_locking import SeenVersions
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.merge_patch import MergePatch
from app.http.preconditions import if_match
from app.http.schemas.paging import PageQuery, page_of
from app.identity.models import User
from app.identity.permissions import Permission
from app.leads.attribution.models import LeadSource
from app.leads.search.saved_views import SavedViews
from app.leads.search.view_models import LeadView

lead_views: Final = SavedViews(LeadView, {"assigned_to_id": User, "source_id": LeadSource})

blp = Blueprint("lead-views", __name__, url_prefix="/api/leads/views", description="Saved views of leads.")


@blp.get("")
@allow(Permission.LEAD_READ)
@blp.arguments(PageQuery)
@blp.response(200, page_of(ViewOut))
def list_views(query: JsonDict) -> Page:
    """List my views of leads, and shared ones.

    Ordered by name.
    """
    with reading() as session:
        return lead_views.list_views(session, actor(), query)


@blp.post("")
@allow(Permission.LEAD_READ)
@blp.arguments(LeadViewIn, lookups=lead_views.require_known_ids)
@blp.response(201, ViewOut)
@blp.alt_response(409, "CONFLICT")
def create_view(given: JsonDict) -> LeadView:
    """Save a view of leads.

    Its filters are query parameters of `GET /api/leads`. They are validated when the view is saved.
    """
    with unit_of_work() as session:
        return lead_views.create_view(session, actor(), given)


@blp.get("/<uuid:lead_view_id>")
@allow(Permission.LEAD_READ)
@blp.response(200, ViewOut)
def get_view(lead_view_id: UUID) -> object:
    """Show one of my views."""
    with reading() as session:
        return lead_views.read_view(session, actor(), lead_view_id)


@blp.put("/<uuid:lead_view_id>")
@allow(Permission.LEAD_READ)
@blp.arguments(LeadViewIn, lookups=lead_views.require_known_ids)
@blp.response(200, ViewOut)
@blp.alt_response(409, "CONFLICT")
@if_match
def update_view(given: JsonDict, lead_view_id: UUID, seen: SeenVersions) -> LeadView:
    """Replace one of my views.

    Missing fields get their default.
    """
    with unit_of_work() as session:
        return lead_views.update_view(session, actor(), lead_view_id, given, seen=seen)


@blp.patch("/<uuid:lead_view_id>")
@allow(Permission.LEAD_READ)
@blp.merge_patch(LeadViewIn, ViewOut, lookups=lead_views.require_known_ids)
@blp.response(200, ViewOut)
@blp.alt_response(409, "CONFLICT")
@if_match
def edit_view(patch: MergePatch, lead_view_id: UUID, seen: SeenVersions) -> object:
    """Edit one of my views.

    Given fields are replaced; others stay unchanged.
    """
    with unit_of_work() as session:
        given, seen = patch.onto(session, lead_views.read_view(session, actor(), lead_view_id), seen)
        return lead_views.update_view(session, actor(), lead_view_id, given, seen=seen)


@blp.delete("/<uuid:lead_view_id>")
@allow(Permission.LEAD_READ)
@blp.response(204)
@if_match
def delete_view(lead_view_id: UUID, seen: SeenVersions) -> None:
    """Delete one of my views."""
    with unit_of_work() as session:
        lead_views.delete_view(session, actor(), lead_view_id, seen=seen)

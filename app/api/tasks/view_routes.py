"""Routes of saved views of the work queue."""

from uuid import UUID

from app.api.tasks.view_schemas import ViewIn, ViewOut
from app.core.optimistic_locking import SeenVersions
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.merge_patch import MergePatch
from app.http.preconditions import if_match
from app.http.schemas.paging import PageQuery, page_of
from app.identity.permissions import Permission
from app.tasks.views.models import TaskView
from app.tasks.views.views import task_views

blp = Blueprint("followup-views", __name__, url_prefix="/api/followups/views", description="Saved views of the queue.")


@blp.get("")
@allow(Permission.LEAD_READ)
@blp.arguments(PageQuery)
@blp.response(200, page_of(ViewOut))
def list_views(query: JsonDict) -> Page:
    """List my views of the queue, and shared ones.

    Ordered by name.
    """
    with reading() as session:
        return task_views.list_views(session, actor(), query)


@blp.post("")
@allow(Permission.LEAD_READ)
@blp.arguments(ViewIn, lookups=task_views.require_known_ids)
@blp.response(201, ViewOut)
@blp.alt_response(409, "CONFLICT")
def create_view(given: JsonDict) -> TaskView:
    """Save a view of the queue.

    Its filters are query parameters of `GET /api/followups`. They are validated when the view is saved.
    """
    with unit_of_work() as session:
        return task_views.create_view(session, actor(), given)


@blp.get("/<uuid:view_id>")
@allow(Permission.LEAD_READ)
@blp.response(200, ViewOut)
def get_view(view_id: UUID) -> object:
    """Show one of my views."""
    with reading() as session:
        return task_views.read_view(session, actor(), view_id)


@blp.put("/<uuid:view_id>")
@allow(Permission.LEAD_READ)
@blp.arguments(ViewIn, lookups=task_views.require_known_ids)
@blp.response(200, ViewOut)
@blp.alt_response(409, "CONFLICT")
@if_match
def update_view(given: JsonDict, view_id: UUID, seen: SeenVersions) -> TaskView:
    """Replace one of my views.

    Missing fields get their default.
    """
    with unit_of_work() as session:
        return task_views.update_view(session, actor(), view_id, given, seen=seen)


@blp.patch("/<uuid:view_id>")
@allow(Permission.LEAD_READ)
@blp.merge_patch(ViewIn, ViewOut, lookups=task_views.require_known_ids)
@blp.response(200, ViewOut)
@blp.alt_response(409, "CONFLICT")
@if_match
def edit_view(patch: MergePatch, view_id: UUID, seen: SeenVersions) -> object:
    """Edit one of my views.

    Given fields are replaced; others stay unchanged.
    """
    with unit_of_work() as session:
        given, seen = patch.onto(session, task_views.read_view(session, actor(), view_id), seen)
        return task_views.update_view(session, actor(), view_id, given, seen=seen)


@blp.delete("/<uuid:view_id>")
@allow(Permission.LEAD_READ)
@blp.response(204)
@if_match
def delete_view(view_id: UUID, seen: SeenVersions) -> None:
    """Delete one of my views."""
    with unit_of_work() as session:
        task_views.delete_view(session, actor(), view_id, seen=seen)

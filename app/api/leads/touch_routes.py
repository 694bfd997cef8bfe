"""Routes of touches: where a lead came from, each time."""

from uuid import UUID

from app.api.leads.touch_schemas import TouchIn, TouchOut
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.schemas.paging import PageQuery, page_of
from app.identity.permissions import Permission
from app.leads.attribution import touches
from app.leads.attribution.sources import require_named_source

blp = Blueprint("touches", __name__, url_prefix="/api/leads", description="Touches: where leads came from.")


@blp.get("/<uuid:lead_id>/touches")
@allow(Permission.LEAD_READ)
@blp.arguments(PageQuery)
@blp.response(200, page_of(TouchOut))
def list_touches(query: JsonDict, lead_id: UUID) -> Page:
    """List the touches of a lead.

    Oldest first. The first is usually the capture, unless an earlier touch was added later.
    """
    with reading() as session:
        return touches.list_touches(session, actor(), lead_id, query)


@blp.post("/<uuid:lead_id>/touches")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(TouchIn, lookups=require_named_source)
@blp.response(201, TouchOut)
@blp.alt_response(409, "CONFLICT")
def create_touch(given: JsonDict, lead_id: UUID) -> object:
    """Add a touch of a lead.

    The lead shows its first and last touch by time.
    """
    with unit_of_work() as session:
        return touches.add_touch(session, actor(), lead_id, given)

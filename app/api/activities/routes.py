"""Routes of `/api/leads/{id}/activities`: the timeline of a lead."""

from dataclasses import replace
from uuid import UUID

from app.api.activities.schemas import ActivityIn, ActivityOut, ListedActivityOut, TimelineQuery
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.schemas.paging import page_of
from app.identity.permissions import Permission
from app.leads.activities import service
from app.messaging.user_notices import mentions
from app.tasks.timeline_links import with_follow_ups

blp = Blueprint("activities", __name__, url_prefix="/api/leads", description="Timeline of a lead.")


@blp.get("/<uuid:lead_id>/activities")
@allow(Permission.LEAD_READ)
@blp.arguments(TimelineQuery)
@blp.response(200, page_of(ListedActivityOut))
def timeline(query: JsonDict, lead_id: UUID) -> Page:
    """List the activities of a lead.

    Oldest first, unless `sort` is given.
    """
    with reading() as session:
        found = service.timeline(session, actor(), lead_id, query)
        return replace(found, items=with_follow_ups(session, found.items))


@blp.post("/<uuid:lead_id>/activities")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(ActivityIn, lookups=mentions.check_mentions)
@blp.response(201, ActivityOut)
@blp.alt_response(409, "CONFLICT")
def log_activity(given: JsonDict, lead_id: UUID) -> object:
    """Log an activity of a lead.

    A conversation counts as contact, an inbound message as a reply, an unanswered call or an outbound message as a
    failed attempt. The open call task that the activity answers is completed. Mentioned colleagues get a notice.
    """
    with unit_of_work() as session:
        return mentions.log_activity(session, actor(), lead_id, given)

"""Events that integrators report."""

from typing import Any

from app.api.leads.event_schemas import EventIn, EventOut
from app.http.access import actor, allow, unit_of_work
from app.http.blueprint import Blueprint
from app.identity.permissions import Permission
from app.leads.timeline.custom_events import report

blp = Blueprint("events", __name__, url_prefix="/api/events", description="What other systems say happened.")


@blp.post("")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(EventIn)
@blp.response(201, EventOut)
@blp.alt_response(404, "NOT_FOUND")
@blp.alt_response(409, "CONFLICT")
def report_event(given: dict[str, Any]) -> dict[str, Any]:
    """Report that something happened to a lead.

    Rules that listen to `custom.<name>` decide about it; what they ask for stands in `data`.
    """
    with unit_of_work() as session:
        return report(session, actor(), given)

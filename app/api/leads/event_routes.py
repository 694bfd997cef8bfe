"""Route of `/api/events`: custom events from integrators."""

from app.api.leads.event_schemas import EventIn, EventOut
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, unit_of_work
from app.http.blueprint import Blueprint
from app.identity.permissions import Permission
from app.leads.activities.custom_events import record_custom_event

blp = Blueprint("events", __name__, url_prefix="/api/events", description="Custom events from other systems.")


@blp.post("")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(EventIn)
@blp.response(201, EventOut)
@blp.alt_response(404, "NOT_FOUND")
@blp.alt_response(409, "CONFLICT")
@blp.alt_response(410, "GONE")
def report_event(given: JsonDict) -> JsonDict:
    """Report a custom event of a lead.

    Automation rules on `custom.<name>` evaluate it, with the values in `data`.
    """
    with unit_of_work() as session:
        return record_custom_event(session, actor(), given)

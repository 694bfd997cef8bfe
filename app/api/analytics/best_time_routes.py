"""Route of the best time to contact a lead."""

from uuid import UUID

from app.api.analytics.best_time_schemas import BestTimeOut
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading
from app.http.blueprint import Blueprint
from app.identity.permissions import Permission
from app.leads.facts.best_time.report import best_time

blp = Blueprint("best-time", __name__, url_prefix="/api/leads", description="Best time to contact a lead.")


@blp.get("/<uuid:lead_id>/best-time")
@allow(Permission.LEAD_READ)
@blp.response(200, BestTimeOut)
def show_best_time(lead_id: UUID) -> JsonDict:
    """Show the best time to contact a lead.

    The hours at which calls reached a person, and at which leads answered: of the lead, else of leads of its source,
    else of the clinic, with counts and how sure it is. Few contacts are drawn towards the wider group. Opens and clicks
    do not count. Rules use the same hours with `after: best_time`.
    """
    with reading() as session:
        return best_time(session, actor(), lead_id)

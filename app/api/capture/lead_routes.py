"""Routes that capture leads: quick capture, upsert."""

from functools import partial
from typing import Any

from app.api.leads.capture_schemas import CapturedOut, QuickIn, UpsertIn
from app.api.leads.expand import lead_response
from app.api.leads.out_schemas import LeadOut
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, unit_of_work
from app.http.blueprint import Blueprint
from app.identity.permissions import Permission
from app.leads.capture.capture import capture_lead, check_new_lead
from app.leads.capture.upsert import check_upsert, upsert

blp = Blueprint("capture", __name__, url_prefix="/api/leads", description="Lead capture.")


@blp.post("/quick")
@allow(Permission.LEAD_CREATE)
@blp.arguments(QuickIn, lookups=partial(check_new_lead, in_full=False))
@blp.response(201, CapturedOut)
def capture_call(given: JsonDict) -> tuple[Any, dict[str, str]]:
    """Capture a caller.

    For use during a phone call: a number and a source are enough. Otherwise as `POST /api/leads`.
    """
    with unit_of_work() as session:
        lead = capture_lead(session, actor(), given, in_full=False)
    return lead, {"Location": f"/api/leads/{lead.id}"}


@blp.put("/by-external-id/<string:external_id>")
@allow(Permission.LEAD_CREATE)
@blp.arguments(UpsertIn, lookups=check_upsert)
@blp.response(200, LeadOut)
@blp.alt_response(201, schema=LeadOut)
@blp.alt_response(409, "CONFLICT")
def upsert_lead(given: JsonDict, external_id: str) -> tuple[Any, dict[str, str], int]:
    """Create or update a lead by its id in another system.

    The first call creates the lead (201). Later calls replace the given fields (needs `lead:update`); other fields and
    the attribution stay unchanged. Each call adds a touch. Repeated or concurrent calls create one lead.
    """
    with unit_of_work() as session:
        lead, is_new = upsert(session, actor(), external_id, given)
        location = f"/api/leads/{lead.id}"
        lead = lead if is_new else lead_response(session, lead)
    return lead, {"Location": location}, 201 if is_new else 200

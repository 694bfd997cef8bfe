"""Further lead routes: quick capture, search, upsert, duplicates, merge, touches."""

from functools import partial
from typing import Any
from uuid import UUID

from app.api.leads.capture_schemas import CapturedOut, DuplicatesOut, MergeIn, QuickIn, SearchIn, SearchOut, UpsertIn
from app.api.leads.expand import lead_response, lead_responses
from app.api.leads.out_schemas import LeadOut
from app.api.leads.touch_schemas import TouchIn, TouchOut
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.schemas.paging import PageQuery, page_of
from app.identity.permissions import Permission
from app.leads.attribution import touches
from app.leads.attribution.sources import require_named_source
from app.leads.capture.capture import capture_lead, check_new_lead
from app.leads.capture.upsert import check_upsert, upsert
from app.leads.contact.phone_numbers import check_phones
from app.leads.duplicates.merge import check_duplicate, merge
from app.leads.duplicates.search import Duplicates, duplicates_of
from app.leads.search.person_search import search

blp = Blueprint(
    "capture", __name__, url_prefix="/api/leads", description="Lead capture, search, duplicates and touches."
)


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


@blp.post("/search")
@allow(Permission.LEAD_READ)
@blp.arguments(SearchIn, lookups=check_phones)
@blp.response(200, SearchOut)
def search_leads(given: JsonDict) -> JsonDict:
    """Find leads by name, phone number or e-mail address.

    A POST, so that no URL holds personal data. A search by name returns the best match first, then the newest lead.
    """
    with reading() as session:
        return {"items": lead_responses(session, search(session, actor(), given), {})}


@blp.put("/by-external-id/<external_id>")
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


@blp.get("/<uuid:lead_id>/duplicates")
@allow(Permission.LEAD_READ)
@blp.response(200, DuplicatesOut)
def duplicates(lead_id: UUID) -> Duplicates:
    """Show possible duplicates of a lead.

    Equal phone numbers and e-mail addresses first, then similar names.
    """
    with reading() as session:
        return duplicates_of(session, actor(), lead_id)


@blp.post("/<uuid:lead_id>/merge")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(MergeIn, lookups=check_duplicate)
@blp.response(200, LeadOut)
@blp.alt_response(409, "CONFLICT")
def merge_leads(given: JsonDict, lead_id: UUID) -> object:
    """Merge a duplicate into a lead.

    The duplicate's tasks, timeline, touches, messages and steps move to the lead, and its values fill empty fields. If
    both leads have the same step pending, one is cancelled. The duplicate then answers 410 with the surviving lead.
    """
    with unit_of_work() as session:
        return lead_response(session, merge(session, actor(), lead_id, duplicate_id=given["lead_id"]))


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

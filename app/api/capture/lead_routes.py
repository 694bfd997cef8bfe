"""Taking in leads by other ways, and what is known of those who came before."""

from typing import Any
from uuid import UUID

from app.api.capture.lead_schemas import CapturedOut, DuplicatesOut, MergeIn, QuickIn, SearchIn, SearchOut, UpsertIn
from app.api.leads.expand import expanded, shown
from app.api.leads.out_schemas import LeadOut
from app.api.leads.touch_schemas import TouchIn, TouchOut
from app.core.pagination import Page
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.schemas.paging import PageQuery, page_of
from app.identity.permissions import Permission
from app.leads.attribution.touches import add_touch, touches_of
from app.leads.capture.capture import capture_lead
from app.leads.capture.upsert import upsert
from app.leads.duplicates.merge import merge
from app.leads.duplicates.search import Duplicates, duplicates_of
from app.leads.search.search import search

blp = Blueprint(
    "capture", __name__, url_prefix="/api/leads", description="By which ways leads come, and who came before."
)


@blp.post("/quick")
@allow(Permission.LEAD_CREATE)
@blp.arguments(QuickIn)
@blp.response(201, CapturedOut)
def capture_call(given: dict[str, Any]) -> tuple[Any, dict[str, str]]:
    """Take in a caller.

    While they are on the phone: a number and a source are enough. As `POST /api/leads` otherwise.
    """
    with unit_of_work() as session:
        lead = capture_lead(session, actor(), given, in_full=False)
    return lead, {"Location": f"/api/leads/{lead.id}"}


@blp.post("/search")
@allow(Permission.LEAD_READ)
@blp.arguments(SearchIn)
@blp.response(200, SearchOut)
def search_leads(given: dict[str, Any]) -> dict[str, Any]:
    """Find leads by name, phone number or e-mail address.

    In a body, so that no address of ours names a person. By name the likeliest first, then the newest.
    """
    with reading() as session:
        return {"items": expanded(session, search(session, actor(), given), {})}


@blp.put("/by-external-id/<external_id>")
@allow(Permission.LEAD_CREATE)
@blp.arguments(UpsertIn)
@blp.response(200, LeadOut)
@blp.alt_response(201, schema=LeadOut)
@blp.alt_response(409, "CONFLICT")
def upsert_lead(given: dict[str, Any], external_id: str) -> tuple[Any, dict[str, str], int]:
    """Take in or update a lead by its id in another system.

    The first time it is taken in (201); from then on the fields given are replaced (needs `lead:update`, too), but for
    how it came: each call is a touch of the lead. Sent twice, or at once, there is one lead.
    """
    with unit_of_work() as session:
        lead, is_new = upsert(session, actor(), external_id, given)
        location = f"/api/leads/{lead.id}"
        lead = lead if is_new else shown(session, lead)
    return lead, {"Location": location}, 201 if is_new else 200


@blp.get("/<uuid:lead_id>/duplicates")
@allow(Permission.LEAD_READ)
@blp.response(200, DuplicatesOut)
def duplicates(lead_id: UUID) -> Duplicates:
    """Show who may be the same person as a lead.

    Phone numbers and e-mail addresses that are the same, then names that are alike.
    """
    with reading() as session:
        return duplicates_of(session, actor(), lead_id)


@blp.post("/<uuid:lead_id>/merge")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(MergeIn)
@blp.response(200, LeadOut)
@blp.alt_response(409, "CONFLICT")
def merge_leads(given: dict[str, Any], lead_id: UUID) -> Any:
    """Merge a duplicate into a lead.

    Tasks, timeline, touches, messages and steps of the duplicate move to the lead, and empty fields are filled from it.
    Steps that both wait for are cancelled once. From then on the duplicate is 410, and says what it was merged into.
    """
    with unit_of_work() as session:
        return shown(session, merge(session, actor(), lead_id, duplicate_id=given["lead_id"]))


@blp.get("/<uuid:lead_id>/touches")
@allow(Permission.LEAD_READ)
@blp.arguments(PageQuery)
@blp.response(200, page_of(TouchOut))
def list_touches(query: dict[str, Any], lead_id: UUID) -> Page:
    """List the times a lead came.

    In the order they happened; the first is the one by which it was taken in, unless an earlier one was told later.
    """
    with reading() as session:
        return touches_of(session, actor(), lead_id, query)


@blp.post("/<uuid:lead_id>/touches")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(TouchIn)
@blp.response(201, TouchOut)
@blp.alt_response(409, "CONFLICT")
def create_touch(given: dict[str, Any], lead_id: UUID) -> Any:
    """Note that a lead came again.

    The lead shows the first and the last of its touches, by when they happened.
    """
    with unit_of_work() as session:
        return add_touch(session, actor(), lead_id, given)

"""Routes of duplicates: the suspected duplicates of a lead, and merging."""

from uuid import UUID

from app.api.leads.duplicate_schemas import CheckedOut, CheckIn, DuplicatesOut, MergeIn
from app.api.leads.expand import lead_response
from app.api.leads.out_schemas import LeadOut
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.identity.permissions import Permission
from app.leads.duplicates.check import check_person
from app.leads.duplicates.merge import check_duplicate, merge
from app.leads.duplicates.search import Duplicates, duplicates_of

blp = Blueprint("duplicates", __name__, url_prefix="/api/leads", description="Duplicates of leads.")


@blp.post("/check")
@allow(Permission.LEAD_CREATE)
@blp.arguments(CheckIn)
@blp.response(200, CheckedOut)
def check(given: JsonDict) -> Duplicates:
    """Find the leads of a person before creating one.

    For use while a user types: any of the fields is enough, and values that are not complete yet are not compared.
    Leads that you may not see are only counted. A POST, so that no URL holds personal data.
    """
    with reading() as session:
        return check_person(session, actor(), given)


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

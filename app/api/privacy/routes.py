"""Routes for data subject requests, consents and the suppression list."""

from uuid import UUID

from app.api.leads.expand import lead_response
from app.api.leads.out_schemas import LeadOut
from app.api.privacy.schemas import (
    AddressIn,
    ConsentIn,
    ConsentOut,
    ErasedOut,
    Erasure,
    HeldOut,
    LegalHoldIn,
    PersonOut,
    Restriction,
    SuppressionIn,
    SuppressionOut,
)
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.schemas.paging import PageQuery, page_of
from app.identity.permissions import Permission
from app.leads.contact.phone_numbers import check_phones
from app.leads.privacy import legal_holds, service
from app.messaging.contact_policy import consents, suppression_service

privacy = Blueprint("privacy", __name__, url_prefix="/api/leads", description="Data subject requests and consents.")
suppressions = Blueprint(
    "suppressions", __name__, url_prefix="/api/suppressions", description="Suppressed addresses, which get no messages."
)
blueprints = (privacy, suppressions)


@privacy.post("/<uuid:lead_id>/export")
@allow(Permission.PRIVACY_MANAGE)
@privacy.response(200, PersonOut)
def export_lead(lead_id: UUID) -> JsonDict:
    """Export all data about a person.

    The person's rows in every table, and the audit log entries about them. Suitable to hand over (GDPR, article 15).
    """
    with unit_of_work() as session:
        return {"tables": service.export_lead(session, actor(), lead_id)}


@privacy.post("/<uuid:lead_id>/erase")
@allow(Permission.PRIVACY_MANAGE)
@privacy.arguments(Erasure)
@privacy.response(200, ErasedOut)
@privacy.alt_response(409, "CONFLICT")
def erase_lead(given: dict[str, str], lead_id: UUID) -> object:
    """Erase a person.

    Pending steps and queued messages are cancelled. Names, addresses, texts and notes are blanked, also in the audit
    log. Ids and times stay for statistics, and the addresses are added to the suppression list. This cannot be undone.
    Merged duplicates are erased too. `remaining_duplicates` are leads with the same phone number or e-mail address that
    stay: they may be relatives. Merge or erase them if they are the same person. The answer is 409 for a lead on legal
    hold.
    """
    with unit_of_work() as session:
        return service.erase_lead(session, actor(), lead_id, reason=given["reason"])


@privacy.post("/<uuid:lead_id>/restrict")
@allow(Permission.PRIVACY_MANAGE)
@privacy.arguments(Restriction)
@privacy.response(200, LeadOut)
def restrict_lead(given: JsonDict, lead_id: UUID) -> object:
    """Restrict the use of a lead, or lift the restriction.

    A restricted lead can be read, exported and erased. Nothing is sent or planned, and edits are refused.
    """
    with unit_of_work() as session:
        return lead_response(session, service.restrict_lead(session, actor(), lead_id, given))


@privacy.get("/<uuid:lead_id>/legal-hold")
@allow(Permission.PRIVACY_MANAGE)
@privacy.response(200, HeldOut)
def get_legal_hold(lead_id: UUID) -> JsonDict:
    """Show the legal hold of a lead, if there is one."""
    with reading() as session:
        return {"legal_hold": legal_holds.get_hold(session, actor(), lead_id)}


@privacy.put("/<uuid:lead_id>/legal-hold")
@allow(Permission.PRIVACY_MANAGE)
@privacy.arguments(LegalHoldIn)
@privacy.response(200, HeldOut)
def place_legal_hold(given: dict[str, str], lead_id: UUID) -> JsonDict:
    """Place a lead on legal hold, or change the reason.

    While it holds, an erasure is refused with 409, and the clinic's setting for old tasks and activities does not apply
    to the lead (GDPR, article 17(3)(e)). A merge moves the hold to the surviving lead. Idempotent.
    """
    with unit_of_work() as session:
        return {"legal_hold": legal_holds.place_hold(session, actor(), lead_id, reason=given["reason"])}


@privacy.delete("/<uuid:lead_id>/legal-hold")
@allow(Permission.PRIVACY_MANAGE)
@privacy.response(204)
def end_legal_hold(lead_id: UUID) -> None:
    """End the legal hold of a lead.

    From then on the lead can be erased, and old tasks and activities are deleted as the clinic has set. Idempotent.
    """
    with unit_of_work() as session:
        legal_holds.end_hold(session, actor(), lead_id)


@privacy.get("/<uuid:lead_id>/consents")
@allow(Permission.LEAD_READ)
@privacy.arguments(PageQuery)
@privacy.response(200, page_of(ConsentOut))
def list_consents(query: JsonDict, lead_id: UUID) -> Page:
    """List the consents of a person.

    Latest first.
    """
    with reading() as session:
        return consents.list_consents(session, actor(), lead_id, query)


@privacy.post("/<uuid:lead_id>/consents")
@allow(Permission.LEAD_UPDATE)
@privacy.arguments(ConsentIn)
@privacy.response(201, ConsentOut)
def record_consent(given: JsonDict, lead_id: UUID) -> object:
    """Record a consent, or its withdrawal.

    A withdrawal opts the lead out at once. A new consent removes the address from the suppression list.
    """
    with unit_of_work() as session:
        return consents.record_consent(session, actor(), lead_id, given)


@suppressions.post("")
@allow(Permission.PRIVACY_MANAGE)
@suppressions.arguments(SuppressionIn, lookups=check_phones)
@suppressions.response(200, SuppressionOut)
def suppress(given: dict[str, str]) -> object:
    """Add an address to the suppression list.

    No message is sent to it, for any current or future lead. Idempotent.
    """
    with unit_of_work() as session:
        return suppression_service.suppress(session, actor(), given)


@suppressions.post("/check")
@allow(Permission.LEAD_READ)
@suppressions.arguments(AddressIn, lookups=check_phones)
@suppressions.response(200, SuppressionOut)
def check(given: dict[str, str]) -> object:
    """Check whether an address is on the suppression list."""
    with unit_of_work() as session:
        return suppression_service.check(session, actor(), given)


@suppressions.post("/lift")
@allow(Permission.PRIVACY_MANAGE)
@suppressions.arguments(AddressIn, lookups=check_phones)
@suppressions.response(200, SuppressionOut)
def lift(given: dict[str, str]) -> object:
    """Remove an address from the suppression list.

    Only at the request of its owner.
    """
    with unit_of_work() as session:
        return suppression_service.unsuppress(session, actor(), given)

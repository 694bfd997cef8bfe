"""What a person may ask of the clinic, and the list of whom nobody may write to."""

from typing import Any
from uuid import UUID

from app.api.leads.expand import shown
from app.api.leads.out_schemas import LeadOut
from app.api.privacy.schemas import (
    AddressIn,
    ConsentIn,
    ConsentOut,
    ErasedOut,
    Erasure,
    PersonOut,
    Restriction,
    SuppressionIn,
    SuppressionOut,
)
from app.core.pagination import Page
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.schemas.paging import PageQuery, page_of
from app.identity.permissions import Permission
from app.leads.privacy import service
from app.messaging.contact_policy import consents, suppression_service

people = Blueprint("privacy", __name__, url_prefix="/api/leads", description="What a person may ask of the clinic.")
unwanted = Blueprint(
    "suppressions", __name__, url_prefix="/api/suppressions", description="Addresses that nobody may write to."
)
blueprints = (people, unwanted)


@people.post("/<uuid:lead_id>/export")
@allow(Permission.PRIVACY_MANAGE)
@people.response(200, PersonOut)
def export_lead(lead_id: UUID) -> dict[str, Any]:
    """Export everything about a person.

    The rows of every table that tells of them, and who saw or changed them: to be handed over as it is.
    """
    with unit_of_work() as session:
        return {"tables": service.export_lead(session, actor(), lead_id)}


@people.post("/<uuid:lead_id>/erase")
@allow(Permission.PRIVACY_MANAGE)
@people.arguments(Erasure)
@people.response(200, ErasedOut)
def erase_lead(given: dict[str, str], lead_id: UUID) -> Any:
    """Forget a person.

    What is pending ends and queued messages vanish; names, addresses, texts and notes are blanked, in the record of who
    changed what too. Ids and times stay for counts, and the addresses go on the list of those that nobody may write to.
    It cannot be undone.
    """
    with unit_of_work() as session:
        return service.erase_lead(session, actor(), lead_id, reason=given["reason"])


@people.post("/<uuid:lead_id>/restrict")
@allow(Permission.PRIVACY_MANAGE)
@people.arguments(Restriction)
@people.response(200, LeadOut)
def restrict_lead(given: dict[str, Any], lead_id: UUID) -> Any:
    """Restrict what may be done with a lead, or lift it.

    While it is restricted it can be read, exported and erased; nothing is sent or planned, and edits are refused.
    """
    with unit_of_work() as session:
        return shown(session, service.restrict_lead(session, actor(), lead_id, given))


@people.get("/<uuid:lead_id>/consents")
@allow(Permission.LEAD_READ)
@people.arguments(PageQuery)
@people.response(200, page_of(ConsentOut))
def list_consents(query: dict[str, Any], lead_id: UUID) -> Page:
    """List what a person said about being written to.

    The latest first.
    """
    with reading() as session:
        return consents.list_consents(session, actor(), lead_id, query)


@people.post("/<uuid:lead_id>/consents")
@allow(Permission.LEAD_UPDATE)
@people.arguments(ConsentIn)
@people.response(201, ConsentOut)
def record_consent(given: dict[str, Any], lead_id: UUID) -> Any:
    """Record what a person said about being written to.

    Who no longer agrees has opted out at once; who agrees again is taken off the list of suppressed addresses.
    """
    with unit_of_work() as session:
        return consents.record_consent(session, actor(), lead_id, given)


@unwanted.post("")
@allow(Permission.PRIVACY_MANAGE)
@unwanted.arguments(SuppressionIn)
@unwanted.response(200, SuppressionOut)
def suppress(given: dict[str, str]) -> Any:
    """Put an address on the list.

    Nobody writes to it any more, whichever lead has it, now or later. Twice is once.
    """
    with unit_of_work() as session:
        return suppression_service.suppress(session, actor(), given)


@unwanted.post("/check")
@allow(Permission.LEAD_READ)
@unwanted.arguments(AddressIn)
@unwanted.response(200, SuppressionOut)
def check(given: dict[str, str]) -> Any:
    """Ask whether an address is on the list."""
    with unit_of_work() as session:
        return suppression_service.check(session, actor(), given)


@unwanted.post("/lift")
@allow(Permission.PRIVACY_MANAGE)
@unwanted.arguments(AddressIn)
@unwanted.response(200, SuppressionOut)
def lift(given: dict[str, str]) -> Any:
    """Take an address off the list.

    Only where its owner has asked for it.
    """
    with unit_of_work() as session:
        return suppression_service.lift(session, actor(), given)

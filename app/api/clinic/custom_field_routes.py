"""Custom fields: what a clinic wants to know of its leads beyond what everybody does."""

from typing import Any
from uuid import UUID

from app.api.clinic.custom_field_schemas import CustomFieldChange, CustomFieldIn, CustomFieldOut, CustomFieldQuery
from app.core.optimistic_locking import Seen
from app.core.pagination import Page
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.preconditions import if_match
from app.http.schemas.paging import page_of
from app.identity.permissions import Permission
from app.leads.custom_fields import service
from app.leads.custom_fields.models import CustomField

blp = Blueprint("custom-fields", __name__, url_prefix="/api/custom-fields", description="Fields of a clinic's own.")


@blp.get("")
@allow(Permission.LEAD_READ)
@blp.arguments(CustomFieldQuery)
@blp.response(200, page_of(CustomFieldOut))
def list_fields(query: dict[str, Any]) -> Page:
    """List the clinic's own fields.

    By key.
    """
    with reading() as session:
        return service.list_fields(session, actor().clinic.id, query)


@blp.post("")
@allow(Permission.LEAD_CONFIGURE)
@blp.arguments(CustomFieldIn)
@blp.response(201, CustomFieldOut)
@blp.alt_response(409, "CONFLICT")
def create_field(given: dict[str, Any]) -> CustomField:
    """Add a field.

    Leads show and take it in `custom`, by its key. One that is required is so for leads that are taken in from then on,
    but for callers and web forms.
    """
    with unit_of_work() as session:
        return service.create_field(session, actor().clinic.id, given)


@blp.put("/<uuid:field_id>")
@allow(Permission.LEAD_CONFIGURE)
@blp.arguments(CustomFieldChange)
@blp.response(200, CustomFieldOut)
@if_match
def update_field(given: dict[str, Any], field_id: UUID, seen: Seen) -> CustomField:
    """Change a field.

    The body replaces all of it but its key and type. Values that leads have stay, also those of an archived field.
    """
    with unit_of_work() as session:
        return service.update_field(session, actor().clinic.id, field_id, given, seen=seen)

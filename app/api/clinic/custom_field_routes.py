"""Routes for custom fields of leads."""

from uuid import UUID

from app.api.clinic.custom_field_schemas import CustomFieldChange, CustomFieldIn, CustomFieldOut, CustomFieldQuery
from app.core.optimistic_locking import SeenVersions
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.merge_patch import MergePatch
from app.http.preconditions import if_match
from app.http.schemas.paging import page_of
from app.identity.permissions import Permission
from app.leads.custom_fields import service
from app.leads.custom_fields.models import CustomField

blp = Blueprint("custom-fields", __name__, url_prefix="/api/custom-fields", description="Custom fields of leads.")


@blp.get("")
@allow(Permission.LEAD_READ)
@blp.arguments(CustomFieldQuery)
@blp.response(200, page_of(CustomFieldOut))
def list_fields(query: JsonDict) -> Page:
    """List the custom fields.

    Sorted by key.
    """
    with reading() as session:
        return service.list_fields(session, actor().clinic.id, query)


@blp.post("")
@allow(Permission.LEAD_CONFIGURE)
@blp.arguments(CustomFieldIn)
@blp.response(201, CustomFieldOut)
@blp.alt_response(409, "CONFLICT")
def create_field(given: JsonDict) -> CustomField:
    """Create a custom field.

    Leads have its value in `custom`, under its key. A required field is mandatory for new leads from then on, except
    for quick capture of calls and web forms.
    """
    with unit_of_work() as session:
        return service.create_field(session, actor().clinic.id, given)


@blp.get("/<uuid:field_id>")
@allow(Permission.LEAD_READ)
@blp.response(200, CustomFieldOut)
def get_field(field_id: UUID) -> object:
    """Show a custom field."""
    with reading() as session:
        return service.read_field(session, actor().clinic.id, field_id)


@blp.put("/<uuid:field_id>")
@allow(Permission.LEAD_CONFIGURE)
@blp.arguments(CustomFieldChange, lookups=service.check_field)
@blp.response(200, CustomFieldOut)
@if_match
def update_field(given: JsonDict, field_id: UUID, seen: SeenVersions) -> CustomField:
    """Replace a custom field.

    Fields that are left out get their default. The key and the type never change. Existing
    values of leads stay, also of an archived field.
    """
    with unit_of_work() as session:
        return service.update_field(session, actor().clinic.id, field_id, given, seen=seen)


@blp.patch("/<uuid:field_id>")
@allow(Permission.LEAD_CONFIGURE)
@blp.merge_patch(CustomFieldChange, CustomFieldOut, lookups=service.check_field)
@blp.response(200, CustomFieldOut)
@blp.alt_response(409, "CONFLICT")
@if_match
def edit_field(patch: MergePatch, field_id: UUID, seen: SeenVersions) -> object:
    """Edit a custom field.

    Given fields are replaced; others stay unchanged.
    """
    with unit_of_work() as session:
        given, seen = patch.onto(session, service.read_field(session, actor().clinic.id, field_id), seen)
        return service.update_field(session, actor().clinic.id, field_id, given, seen=seen)

"""Routes of `/api/web-forms`: forms on a clinic's website."""

from uuid import UUID

from app.api.capture.form_schemas import FormHtmlOut, WebFormIn, WebFormOut, WebFormQuery
from app.config import get_settings
from app.core.optimistic_locking import SeenVersions
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.merge_patch import MergePatch
from app.http.preconditions import if_match
from app.http.schemas.paging import page_of
from app.identity.permissions import Permission
from app.leads.attribution.sources import require_named_source
from app.leads.capture.forms import service
from app.leads.capture.forms.embed import form_html
from app.leads.capture.forms.models import WebForm

blp = Blueprint("web-forms", __name__, url_prefix="/api/web-forms", description="Forms on a clinic's website.")


@blp.get("")
@allow(Permission.LEAD_CONFIGURE)
@blp.arguments(WebFormQuery)
@blp.response(200, page_of(WebFormOut))
def list_forms(query: JsonDict) -> Page:
    """List the clinic's web forms.

    Ordered by name.
    """
    with reading() as session:
        return service.list_forms(session, actor().clinic.id, query)


@blp.post("")
@allow(Permission.LEAD_CONFIGURE)
@blp.arguments(WebFormIn, lookups=require_named_source)
@blp.response(201, WebFormOut)
@blp.alt_response(409, "CONFLICT")
def create_form(given: JsonDict) -> WebForm:
    """Add a web form.

    The response holds its key. Pages of the allowed origins post leads to `/api/public/forms/{key}/leads`.
    """
    with unit_of_work() as session:
        return service.create_form(session, actor().clinic.id, given)


@blp.get("/<uuid:form_id>")
@allow(Permission.LEAD_CONFIGURE)
@blp.response(200, WebFormOut)
def get_form(form_id: UUID) -> WebForm:
    """Show a web form."""
    with reading() as session:
        return service.read_form(session, actor().clinic.id, form_id)


@blp.get("/<uuid:form_id>/html")
@allow(Permission.LEAD_CONFIGURE)
@blp.response(200, FormHtmlOut)
def get_form_html(form_id: UUID) -> JsonDict:
    """Show a web form as HTML.

    A `form` element to paste into a page of the website. It works without scripts; its script adds `utm_...`,
    `landing_page` and `referrer`. Texts and order may be changed; names, the action and the hidden field may not.
    """
    with reading() as session:
        form = service.read_form(session, actor().clinic.id, form_id)
        return {"html": form_html(form, get_settings().own_url)}


@blp.put("/<uuid:form_id>")
@allow(Permission.LEAD_CONFIGURE)
@blp.arguments(WebFormIn, lookups=require_named_source)
@blp.response(200, WebFormOut)
@blp.alt_response(409, "CONFLICT")
@if_match
def update_form(given: JsonDict, form_id: UUID, seen: SeenVersions) -> WebForm:
    """Replace a web form.

    Fields that are left out get their default. The key stays. An inactive form answers 404 to visitors.
    """
    with unit_of_work() as session:
        return service.update_form(session, actor().clinic.id, form_id, given, seen=seen)


@blp.patch("/<uuid:form_id>")
@allow(Permission.LEAD_CONFIGURE)
@blp.merge_patch(WebFormIn, WebFormOut, lookups=require_named_source)
@blp.response(200, WebFormOut)
@blp.alt_response(409, "CONFLICT")
@if_match
def edit_form(patch: MergePatch, form_id: UUID, seen: SeenVersions) -> object:
    """Edit a web form.

    Given fields are replaced; others stay unchanged.
    """
    with unit_of_work() as session:
        given, seen = patch.onto(session, service.read_form(session, actor().clinic.id, form_id), seen)
        return service.update_form(session, actor().clinic.id, form_id, given, seen=seen)


@blp.post("/<uuid:form_id>/rotate-key")
@allow(Permission.LEAD_CONFIGURE)
@blp.response(200, WebFormOut)
def rotate_key(form_id: UUID) -> WebForm:
    """Rotate the key of a web form.

    Pages with the old key stop working at once.
    """
    with unit_of_work() as session:
        return service.rotate_key(session, actor().clinic.id, form_id)

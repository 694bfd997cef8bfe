"""Routes for webhooks of mail providers."""

from uuid import UUID

from app.api.messaging.inbound.hook_schemas import InboundHookChange, InboundHookIn, InboundHookOut
from app.core.optimistic_locking import SeenVersions
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.preconditions import if_match
from app.http.schemas.paging import PageQuery, page_of
from app.identity.permissions import Permission
from app.messaging.inbound import hooks
from app.messaging.inbound.models import InboundHook

blp = Blueprint("inbound-hooks", __name__, url_prefix="/api/inbound-hooks", description="Webhooks of mail providers.")


@blp.get("")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.arguments(PageQuery)
@blp.response(200, page_of(InboundHookOut))
def list_inbound_hooks(query: JsonDict) -> Page:
    """List the webhooks of mail providers.

    Sorted by name.
    """
    with reading() as session:
        return hooks.list_hooks(session, actor().clinic.id, query)


@blp.post("")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.arguments(InboundHookIn)
@blp.response(201, InboundHookOut)
@blp.alt_response(409, "CONFLICT")
def create_inbound_hook(given: JsonDict) -> InboundHook:
    """Add a webhook of a mail provider.

    Enter the `url` of the response in the provider's settings.
    """
    with unit_of_work() as session:
        return hooks.create_hook(session, actor().clinic.id, given)


@blp.get("/<uuid:hook_id>")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.response(200, InboundHookOut)
def get_inbound_hook(hook_id: UUID) -> InboundHook:
    """Get a webhook."""
    with reading() as session:
        return hooks.read_hook(session, actor().clinic.id, hook_id)


@blp.patch("/<uuid:hook_id>")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.arguments(InboundHookChange)
@blp.response(200, InboundHookOut)
@if_match
def change_inbound_hook(given: JsonDict, hook_id: UUID, seen: SeenVersions) -> InboundHook:
    """Change a webhook.

    Fields that the body leaves out stay unchanged. Name and provider cannot be changed.
    """
    with unit_of_work() as session:
        return hooks.change_hook(session, actor().clinic.id, hook_id, given, seen=seen)


@blp.delete("/<uuid:hook_id>")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.response(204)
@if_match
def delete_inbound_hook(hook_id: UUID, seen: SeenVersions) -> None:
    """Delete a webhook.

    Its URL stops working.
    """
    with unit_of_work() as session:
        hooks.delete_hook(session, actor().clinic.id, hook_id, seen=seen)

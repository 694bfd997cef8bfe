"""Routes for gateways: the clinic's endpoints for messages and webhooks."""

from uuid import UUID

from app.api.messaging.gateway_schemas import (
    GatewayChange,
    GatewayIn,
    GatewayOut,
    GatewayQuery,
    GatewaySecretOut,
    GatewayTestOut,
)
from app.clock import now
from app.core.db import new_id
from app.core.optimistic_locking import SeenVersions
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.preconditions import if_match
from app.http.schemas.paging import page_of
from app.identity.permissions import Permission
from app.messaging.channels.base import Receipt
from app.messaging.channels.gateway_client import call
from app.messaging.gateways import service
from app.messaging.gateways.models import Gateway
from app.messaging.outages.report import SenderWithOutage, clinic_outages, with_outages

blp = Blueprint(
    "gateways", __name__, url_prefix="/api/gateways", description="Endpoints that messages and events are sent to."
)


@blp.get("")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.arguments(GatewayQuery)
@blp.response(200, page_of(GatewayOut))
def list_gateways(query: JsonDict) -> Page:
    """List the clinic's gateways.

    Sorted by name.
    """
    with reading() as session:
        found = service.list_gateways(session, actor().clinic.id, query)
        shown = with_outages(found.items, clinic_outages(session, actor().clinic.id))
    return Page(shown, found.next_cursor, found.total_count)


@blp.post("")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.arguments(GatewayIn, lookups=service.check_url)
@blp.response(201, GatewaySecretOut, shown_once=True)
@blp.alt_response(409, "CONFLICT")
def create_gateway(given: JsonDict) -> Gateway:
    """Add a gateway.

    Calls to it are signed according to Standard Webhooks. The secret is in this response only. The URL begins with
    https:// and has a public host.
    """
    with unit_of_work() as session:
        return service.create_gateway(session, actor().clinic.id, given)


@blp.get("/<uuid:gateway_id>")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.response(200, GatewayOut)
def get_gateway(gateway_id: UUID) -> SenderWithOutage:
    """Get a gateway."""
    with reading() as session:
        gateway = service.read_gateway(session, actor().clinic.id, gateway_id)
        [shown] = with_outages([gateway], clinic_outages(session, actor().clinic.id))
    return shown


@blp.patch("/<uuid:gateway_id>")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.arguments(GatewayChange, lookups=service.check_url)
@blp.response(200, GatewayOut)
@if_match
def change_gateway(given: JsonDict, gateway_id: UUID, seen: SeenVersions) -> Gateway:
    """Change a gateway.

    Fields that the body leaves out stay unchanged. Name and purpose cannot be changed.
    """
    with unit_of_work() as session:
        return service.change_gateway(session, actor().clinic.id, gateway_id, given, seen=seen)


@blp.delete("/<uuid:gateway_id>")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.response(204)
@if_match
def delete_gateway(gateway_id: UUID, seen: SeenVersions) -> None:
    """Delete a gateway.

    Its pending messages wait for a gateway that replaces it (`no_gateway`), by name if the rule names one. To pause a
    gateway, set `is_active` to false.
    """
    with unit_of_work() as session:
        service.delete_gateway(session, actor().clinic.id, gateway_id, seen=seen)


@blp.post("/<uuid:gateway_id>/rotate-secret")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.response(200, GatewaySecretOut, shown_once=True)
def rotate_secret(gateway_id: UUID) -> Gateway:
    """Give a gateway a new secret.

    The secret is in this response only. For a day, calls are signed with both secrets, and either is accepted for calls
    from the gateway.
    """
    with unit_of_work() as session:
        return service.rotate_secret(session, actor().clinic.id, gateway_id)


@blp.post("/<uuid:gateway_id>/test")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.response(200, GatewayTestOut)
def test_gateway(gateway_id: UUID) -> Receipt:
    """Send a signed test call.

    The body is `{"type": "test", ...}`. Returns the outcome. The call does not count towards `per_hour`.
    """
    with reading() as session:
        endpoint = service.endpoint_of(service.read_gateway(session, actor().clinic.id, gateway_id), at=now())
    # No transaction is open while the gateway answers.
    return call(endpoint, str(new_id()), {"type": "test", "timestamp": now(), "data": {"gateway_id": gateway_id}})

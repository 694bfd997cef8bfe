"""Routes of `/api/webhooks`: endpoints that receive events."""

from uuid import UUID

from app.api.messaging.webhooks.endpoint_schemas import (
    WebhookEventTypesOut,
    WebhookIn,
    WebhookOut,
    WebhookQuery,
    WebhookSecretOut,
)
from app.api.messaging.webhooks.event_types import event_types
from app.core.optimistic_locking import SeenVersions
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.merge_patch import MergePatch
from app.http.preconditions import if_match
from app.http.schemas.paging import page_of
from app.identity.permissions import Permission
from app.messaging.webhooks import endpoints
from app.messaging.webhooks.models import WebhookEndpoint

blp = Blueprint("webhooks", __name__, url_prefix="/api/webhooks", description="Endpoints that receive events.")


@blp.get("/event-types")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.response(200, WebhookEventTypesOut)
def list_event_types() -> JsonDict:
    """List the types of events, with examples.

    A call is a POST request with `type`, `timestamp` and `data`. It contains ids and the names of changed fields; get
    the rest from the API.
    """
    return {"items": event_types()}


@blp.get("")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.arguments(WebhookQuery)
@blp.response(200, page_of(WebhookOut))
def list_webhooks(query: JsonDict) -> Page:
    """List the clinic's webhook endpoints.

    Oldest first.
    """
    with reading() as session:
        return endpoints.list_endpoints(session, actor().clinic.id, query)


@blp.post("")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.arguments(WebhookIn, lookups=endpoints.check_endpoint)
@blp.response(201, WebhookSecretOut, shown_once=True)
@blp.alt_response(409, "CONFLICT")
def create_webhook(given: JsonDict) -> WebhookEndpoint:
    """Add a webhook endpoint.

    It receives the events that occur from now on. Calls are signed according to Standard Webhooks; the secret is in
    this response only. The URL begins with https:// and has a public host. A clinic has at most 20 endpoints.
    """
    with unit_of_work() as session:
        return endpoints.create_endpoint(session, actor(), given)


@blp.get("/<uuid:webhook_id>")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.response(200, WebhookOut)
def get_webhook(webhook_id: UUID) -> WebhookEndpoint:
    """Get a webhook endpoint."""
    with reading() as session:
        return endpoints.find_endpoint(session, actor().clinic.id, webhook_id)


@blp.patch("/<uuid:webhook_id>")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.merge_patch(WebhookIn, WebhookOut, lookups=endpoints.check_endpoint)
@blp.response(200, WebhookOut)
@if_match
def change_webhook(patch: MergePatch, webhook_id: UUID, seen: SeenVersions) -> WebhookEndpoint:
    """Change a webhook endpoint.

    Given fields are replaced; others stay unchanged. If it is activated, waiting events are sent.
    """
    with unit_of_work() as session:
        current = endpoints.find_endpoint(session, actor().clinic.id, webhook_id)
        given, seen = patch.onto(session, current, seen)
        return endpoints.update_endpoint(session, actor(), webhook_id, given, seen=seen)


@blp.delete("/<uuid:webhook_id>")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.response(204)
@if_match
def delete_webhook(webhook_id: UUID, seen: SeenVersions) -> None:
    """Delete a webhook endpoint.

    Events that wait are not sent. To pause an endpoint, set `is_active` to false.
    """
    with unit_of_work() as session:
        endpoints.delete_endpoint(session, actor().clinic.id, webhook_id, seen=seen)


@blp.post("/<uuid:webhook_id>/rotate-secret")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.response(200, WebhookSecretOut, shown_once=True)
def rotate_webhook_secret(webhook_id: UUID) -> WebhookEndpoint:
    """Give a webhook endpoint a new secret.

    The secret is in this response only. For a day, calls are signed with both secrets.
    """
    with unit_of_work() as session:
        return endpoints.rotate_secret(session, actor().clinic.id, webhook_id)

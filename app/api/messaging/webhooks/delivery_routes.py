"""Routes for the deliveries of webhook endpoints: log, test and replay."""

from uuid import UUID

from app.api.messaging.webhooks.delivery_schemas import (
    WebhookDeliveryOut,
    WebhookDeliveryQuery,
    WebhookReplayIn,
    WebhookReplayOut,
)
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.schemas.paging import page_of
from app.identity.permissions import Permission
from app.messaging.webhooks import deliveries
from app.messaging.webhooks.models import WebhookDelivery

blp = Blueprint(
    "webhook-deliveries", __name__, url_prefix="/api/webhooks", description="Events sent to webhook endpoints."
)


@blp.get("/<uuid:webhook_id>/deliveries")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.arguments(WebhookDeliveryQuery)
@blp.response(200, page_of(WebhookDeliveryOut))
def list_webhook_deliveries(query: JsonDict, webhook_id: UUID) -> Page:
    """List the deliveries of a webhook endpoint.

    Newest first. They are kept for 30 days.
    """
    with reading() as session:
        return deliveries.list_deliveries(session, actor().clinic.id, webhook_id, query)


@blp.post("/<uuid:webhook_id>/test")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.response(202, WebhookDeliveryOut)
@blp.alt_response(409, "CONFLICT")
def test_webhook(webhook_id: UUID) -> WebhookDelivery:
    """Send the event `webhook.test`.

    It is sent like any other event. The list of deliveries shows the answer.
    """
    with unit_of_work() as session:
        return deliveries.send_test(session, actor().clinic.id, webhook_id)


@blp.post("/<uuid:webhook_id>/deliveries/<uuid:delivery_id>/replay")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.response(202, WebhookDeliveryOut)
@blp.alt_response(409, "CONFLICT")
def replay_webhook_delivery(webhook_id: UUID, delivery_id: UUID) -> WebhookDelivery:
    """Send an event again.

    The call has the same `webhook-id`, whatever became of it before.
    """
    with unit_of_work() as session:
        return deliveries.replay_delivery(session, actor().clinic.id, webhook_id, delivery_id)


@blp.post("/<uuid:webhook_id>/replay")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.arguments(WebhookReplayIn)
@blp.response(202, WebhookReplayOut)
@blp.alt_response(409, "CONFLICT")
def replay_webhook_deliveries(given: JsonDict, webhook_id: UUID) -> deliveries.Replay:
    """Send the events of a time range again.

    Call it with `dry_run` first: it returns the number of events and sends nothing. The calls have the same
    `webhook-id` as before. Events that were not sent before are sent too, in the order in which they occurred.
    """
    with unit_of_work() as session:
        return deliveries.replay_many(session, actor().clinic.id, webhook_id, given)

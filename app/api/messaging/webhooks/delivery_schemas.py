"""Request and response schemas for the deliveries of webhook endpoints."""

from marshmallow import ValidationError, fields, validates_schema

from app.core.type_aliases import JsonDict
from app.http.schemas.common_fields import require_past
from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Schema
from app.messaging.webhooks.deliveries import MOST_REPLAYED, ReplayState
from app.messaging.webhooks.models import DeliveryState
from app.messaging.webhooks.posting import MAX_RESPONSE_LENGTH


class WebhookDeliveryQuery(PageQuery):
    """Filters for the deliveries of a webhook endpoint."""

    state = Choice(DeliveryState)
    type = Text(80, least=1, metadata={"description": "Name of an event."})
    lead_id = Id()
    event_id = Id()


class WebhookDeliveryOut(Schema):
    """An event for a webhook endpoint, and the last attempt to deliver it."""

    id = Id(required=True, metadata={"description": "The `webhook-id` of each attempt."})
    type = fields.String(required=True)
    event_id = Id(required=True, allow_none=True, metadata={"description": "Null: a test."})
    lead_id = Id(required=True, allow_none=True)
    state = Choice(DeliveryState, required=True)
    attempts = Integer(required=True)
    next_attempt_at = Instant(
        attribute="retry_at",
        required=True,
        allow_none=True,
        metadata={"description": "While it is pending: when it is tried again."},
    )
    attempted_at = Instant(required=True, allow_none=True, metadata={"description": "Time of the last attempt."})
    duration_ms = Integer(required=True, allow_none=True)
    response_status = Integer(required=True, allow_none=True, metadata={"description": "HTTP status of the answer."})
    response = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": f"The first {MAX_RESPONSE_LENGTH} characters of the answer."},
    )
    error = fields.String(required=True, allow_none=True, metadata={"description": "Why no answer came."})
    created_at = Instant(required=True)


class WebhookReplayIn(Schema):
    """The events to send again."""

    since = Instant(required=True, validate=require_past)
    until = Instant(metadata={"description": "Events before this time; by default, until now."})
    state = Choice(
        ReplayState,
        metadata={
            "description": "Only these. `missing`: events without a delivery, such as those that occurred while the"
            " endpoint was inactive. By default, all."
        },
    )
    dry_run = Boolean(load_default=False, metadata={"description": "Count only."})

    @validates_schema
    def _in_order(self, data: JsonDict, **_: object) -> None:
        if "until" in data and data["until"] <= data["since"]:
            raise ValidationError({"until": ["Must be later than since."]})


class WebhookReplayOut(Schema):
    """Result of a replay."""

    replayed = Integer(
        required=True, metadata={"description": f"Number of events that are sent again; at most {MOST_REPLAYED}."}
    )
    left = Integer(required=True, metadata={"description": "Number of events that are left for another call."})
    dry_run = Boolean(required=True, metadata={"description": "`true`: nothing was changed."})

"""Request and response schemas for gateways and their events."""

from typing import Any, Final

from marshmallow import ValidationError, fields, validates_schema

from app.core.http_client.targets import LONGEST_URL, NotAllowed, parse_target
from app.core.type_aliases import JsonDict
from app.http.schemas.common_fields import require_past
from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, ListOf, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Schema
from app.messaging.channels.base import Outcome
from app.messaging.gateways.models import BounceReason, GatewayPurpose, ReceiptStatus

MAX_EVENTS: Final = 500  # in a call
MAX_CALLS_PER_HOUR: Final = 1_000_000
SLUG: Final = ("^[a-z0-9]+(-[a-z0-9]+)*$", "Must be a slug, such as social-desk.")


class OutgoingUrl(Text):
    """URL of outgoing calls. Its host is checked when it is saved and at each call."""

    def __init__(self, **options: Any) -> None:
        super().__init__(LONGEST_URL, metadata={"format": "uri"}, **options)

    def _deserialize(self, value: object, *_: object, **__: object) -> str:
        url = super()._deserialize(value)
        try:
            parse_target(url)
        except NotAllowed as refusal:
            raise ValidationError(f"It {refusal}.") from None
        return url


class GatewayChange(Schema):
    """Changes to a gateway. Fields that are left out stay unchanged."""

    url = OutgoingUrl()
    per_hour = Integer(
        least=1,
        most=MAX_CALLS_PER_HOUR,
        allow_none=True,
        metadata={"description": "Calls in any sixty minutes; null: unlimited. Further calls wait."},
    )
    idempotent = Boolean(
        metadata={
            "description": "Whether the gateway recognises a repeated call by its `webhook-id`. If true, an unanswered"
            " call is sent again. If false, its message becomes `unknown`, and an admin decides."
        }
    )
    is_active = Boolean()
    is_default = Boolean(
        metadata={
            "description": "Messages that name no gateway go through it. Setting it clears the previous default."
            " A single active gateway for messages needs no flag."
        }
    )


class GatewayIn(GatewayChange):
    """A new gateway.

    By default, `per_hour` is 200 for messages and unlimited for webhooks.
    """

    name = Text(
        100, least=1, form=SLUG, required=True, metadata={"description": "Used by rules; it cannot be changed."}
    )
    purpose = Choice(GatewayPurpose, required=True)
    url = OutgoingUrl(required=True)
    idempotent = Boolean(load_default=True)
    is_active = Boolean(load_default=True)
    is_default = Boolean(load_default=False)


class GatewayQuery(PageQuery):
    """Filters for gateways."""

    purpose = Choice(GatewayPurpose)
    is_active = Boolean()


class OutageOut(Schema):
    """An outage: messages wait, use none of their tries, and are sent when the server answers again."""

    since = Instant(required=True, metadata={"description": "Time of the first failure."})
    reason = fields.String(required=True, metadata={"description": "The last failure, for a gateway."})
    next_probe_at = Instant(required=True, allow_none=True, metadata={"description": "When it is asked again."})
    waiting_messages = Integer(required=True, metadata={"description": "Messages and webhooks of the clinic."})


class GatewayOut(Schema):
    """A gateway."""

    id = Id(required=True)
    name = fields.String(required=True)
    purpose = Choice(GatewayPurpose, required=True)
    url = fields.String(required=True)
    per_hour = Integer(required=True, allow_none=True)
    idempotent = Boolean(required=True)
    is_active = Boolean(required=True)
    is_default = Boolean(required=True)
    failures = Integer(required=True, metadata={"description": "Failed calls since the last successful one."})
    rotated_at = Instant(
        required=True,
        allow_none=True,
        metadata={"description": "Time of the last secret rotation; calls are signed with both secrets for a day."},
    )
    outage = fields.Nested(
        OutageOut,
        allow_none=True,
        metadata={"description": "For GET: set while the gateway is down; null: messages are sent."},
    )
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    version = Integer(required=True)


class GatewaySecretOut(GatewayOut):
    """A gateway with its secret, which is in this response only."""

    secret = fields.String(required=True, metadata={"description": "Standard Webhooks: `whsec_...`. Store it safely."})


class GatewayTestOut(Schema):
    """Outcome of a test call."""

    outcome = Choice(Outcome, required=True)
    response = fields.String(required=True, metadata={"description": "The status code and the beginning of the body."})


class MessageStatusIn(Schema):
    """Status of one message."""

    message_id = Id(required=True, metadata={"description": "The `id` in the call that sent the message."})
    status = Choice(ReceiptStatus, required=True)
    at = Instant(required=True, validate=require_past)
    reason = Choice(
        BounceReason,
        metadata={"description": "Only for a bounce. An `invalid` address is added to the suppression list."},
    )
    text = Text(5000, lines=True, metadata={"description": "Only for a reply: its text."})
    is_auto_reply = Boolean(
        metadata={"description": "Only for a reply: it is automatic, so it cancels no pending steps."}
    )

    @validates_schema
    def _fits(self, data: JsonDict, **_: object) -> None:
        only = {
            "reason": ReceiptStatus.BOUNCED,
            "text": ReceiptStatus.REPLIED,
            "is_auto_reply": ReceiptStatus.REPLIED,
        }
        wrong = {name: status for name, status in only.items() if name in data and data["status"] != status}
        if wrong:
            raise ValidationError({name: [f"Only allowed with status {status}."] for name, status in wrong.items()})


class EventsIn(Schema):
    """Status events of messages that the gateway was sent."""

    events = ListOf(fields.Nested(MessageStatusIn), least=1, most=MAX_EVENTS, required=True)


class EventsOut(Schema):
    """Result of a call."""

    taken = Integer(required=True, metadata={"description": "Number of processed events."})
    ignored = Integer(
        required=True, metadata={"description": "Number of events for unknown messages or deleted leads, or repeated."}
    )

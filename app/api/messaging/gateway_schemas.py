"""Gateways, in and out; and what they tell."""

from typing import Any, Final

from marshmallow import ValidationError, fields, validates_schema

from app.api.activities.schemas import is_past
from app.core.http_client.targets import LONGEST_URL, NotAllowed, read_target
from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, ListOf, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Schema
from app.messaging.channels.base import Outcome
from app.messaging.gateways.models import Purpose, Told, Why

MOST_EVENTS: Final = 500  # in a call
MOST_PER_HOUR: Final = 1_000_000
SLUG: Final = ("^[a-z0-9]+(-[a-z0-9]+)*$", "Must be a slug, such as social-desk.")


class OutgoingUrl(Text):
    """Where calls of ours may go; whether it leads there is looked at when it is saved, and at each call."""

    def __init__(self, **options: Any) -> None:
        super().__init__(LONGEST_URL, metadata={"format": "uri"}, **options)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        url = super()._deserialize(value)
        try:
            read_target(url)
        except NotAllowed as refusal:
            raise ValidationError(f"It {refusal}.") from None
        return url


class GatewayChange(Schema):
    """What can be changed of a gateway; what is left out stays."""

    url = OutgoingUrl()
    per_hour = Integer(
        least=1,
        most=MOST_PER_HOUR,
        allow_none=True,
        metadata={"description": "Calls in any sixty minutes; null: as many as come. Others wait until there is room."},
    )
    idempotent = Boolean(
        metadata={
            "description": "It knows a call that comes again by its `webhook-id`, so one that it did not answer is sent"
            " again. Else such a one is `unknown`, and a person decides."
        }
    )
    is_active = Boolean()


class GatewayIn(GatewayChange):
    """A new gateway. Of those for messages 200 calls an hour are the default, of webhooks as many as come."""

    name = Text(100, least=1, form=SLUG, required=True, metadata={"description": "What rules call it; it stays."})
    purpose = Choice(Purpose, required=True)
    url = OutgoingUrl(required=True)
    idempotent = Boolean(load_default=True)
    is_active = Boolean(load_default=True)


class GatewayQuery(PageQuery):
    """Which gateways."""

    purpose = Choice(Purpose)
    is_active = Boolean()


class GatewayOut(Schema):
    """A gateway."""

    id = Id(required=True)
    name = fields.String(required=True)
    purpose = Choice(Purpose, required=True)
    url = fields.String(required=True)
    per_hour = Integer(required=True, allow_none=True)
    idempotent = Boolean(required=True)
    is_active = Boolean(required=True)
    failures = Integer(required=True, metadata={"description": "Calls that failed since the last that was taken."})
    rotated_at = Instant(
        required=True,
        allow_none=True,
        metadata={"description": "When it got another secret; calls are signed with both for a day."},
    )
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    version = Integer(required=True)


class GatewaySecretOut(GatewayOut):
    """A gateway with its secret, which is shown this once."""

    secret = fields.String(required=True, metadata={"description": "Standard Webhooks: `whsec_...`. Keep it."})


class GatewayTestOut(Schema):
    """What a gateway answered to a test."""

    outcome = Choice(Outcome, required=True)
    response = fields.String(required=True, metadata={"description": "The status and the first words."})


class ToldIn(Schema):
    """What became of one message."""

    message_id = Id(required=True, metadata={"description": "The `id` that the message was sent with."})
    status = Choice(Told, required=True)
    at = Instant(required=True, validate=is_past)
    reason = Choice(Why, metadata={"description": "Of a bounce. An `invalid` address is not written to again."})
    text = Text(5000, lines=True, metadata={"description": "Of a reply: what they say."})
    is_auto_reply = Boolean(metadata={"description": "Of a reply: a machine wrote it, so it stops nothing."})

    @validates_schema(skip_on_field_errors=True)
    def _fits(self, data: dict[str, Any], **_: Any) -> None:
        for name, status in (("reason", Told.BOUNCED), ("text", Told.REPLIED), ("is_auto_reply", Told.REPLIED)):
            if name in data and data["status"] != status:
                raise ValidationError({name: [f"Only what {status} has it."]})


class EventsIn(Schema):
    """What a gateway tells of messages that it was sent."""

    events = ListOf(fields.Nested(ToldIn), least=1, most=MOST_EVENTS, required=True)


class EventsOut(Schema):
    """It was taken in."""

    taken = Integer(required=True, metadata={"description": "Events of messages that this gateway was sent."})
    ignored = Integer(required=True, metadata={"description": "Events of others, or of leads that are gone."})

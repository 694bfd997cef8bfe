"""Request and response schemas for the destinations of a user."""

from enum import StrEnum
from typing import Final

from marshmallow import ValidationError, fields, validates_schema

from app.api.messaging.gateway_schemas import OutgoingUrl
from app.core.type_aliases import JsonDict
from app.http.schemas.fields import Choice, Id, Instant, Integer, Secret, Text
from app.http.schemas.schema import Schema
from app.messaging.models import NotificationState

LONGEST_NAME: Final = 100
LONGEST_KEY: Final = 120
MISSING: Final = "Missing data for required field."


class DestinationChannel(StrEnum):
    """A channel with destinations."""

    SLACK = "slack"
    TEAMS = "teams"
    WEB_PUSH = "web_push"


def _name() -> Text:
    return Text(LONGEST_NAME, allow_none=True, metadata={"description": "For yourself.", "examples": ["My phone"]})


def _url() -> OutgoingUrl:
    return OutgoingUrl(load_only=True)


class SubscriptionKeys(Schema):
    """The keys of a push subscription, in base64url."""

    p256dh = Secret(LONGEST_KEY, required=True)
    auth = Secret(LONGEST_KEY, required=True)


class DestinationIn(Schema):
    """A destination: `url` for `slack` and `teams`; `endpoint` and `keys` for `web_push`, as the browser gives them."""

    channel = Choice(DestinationChannel, required=True)
    name = _name()
    url = _url()
    endpoint = _url()
    keys = fields.Nested(SubscriptionKeys, load_only=True)

    @validates_schema
    def _fits_the_channel(self, data: JsonDict, **_: object) -> None:
        is_push = data["channel"] == DestinationChannel.WEB_PUSH
        wanted, others = (("endpoint", "keys"), ("url",)) if is_push else (("url",), ("endpoint", "keys"))
        mistakes = {name: [MISSING] for name in wanted if name not in data}
        mistakes |= {name: [f"Not allowed for {data['channel']}."] for name in others if name in data}
        if mistakes:
            raise ValidationError(mistakes)


class DestinationChange(Schema):
    """Changes to a destination. Fields that are left out stay unchanged. `url` is only for `slack` and `teams`."""

    name = _name()
    url = _url()


class DestinationTestOut(Schema):
    """The last test of a destination."""

    state = Choice(NotificationState, required=True)
    error = fields.String(required=True, allow_none=True, metadata={"description": "The answer, if it was refused."})
    created_at = Instant(required=True)
    sent_at = Instant(required=True, allow_none=True)


class DestinationOut(Schema):
    """A destination. Its URL and keys are in no response."""

    id = Id(required=True)
    channel = Choice(DestinationChannel, required=True)
    name = fields.String(required=True, allow_none=True)
    host = fields.String(required=True, metadata={"description": "The host of its URL."})
    test = fields.Nested(DestinationTestOut, required=True, allow_none=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    version = Integer(required=True)


class WebPushKeyOut(Schema):
    """The key for push subscriptions."""

    public_key = fields.String(
        required=True, metadata={"description": "`applicationServerKey` of the browser's `pushManager.subscribe`."}
    )

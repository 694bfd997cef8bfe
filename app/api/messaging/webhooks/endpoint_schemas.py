"""Request and response schemas for webhook endpoints."""

from typing import Final

from marshmallow import ValidationError, fields, validate

from app.api.messaging.gateway_schemas import OutgoingUrl
from app.core.validation.validation_errors import listed
from app.engine.events.events import CUSTOM_NAME, EventName
from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, ListOf, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Schema
from app.messaging.webhooks.models import DisabledBecause
from app.messaging.webhooks.subscriptions import ALL_EVENTS

MAX_EVENTS: Final = 60
LONGEST_NAME: Final = 80
LONGEST_DESCRIPTION: Final = 200

_FILTER: Final = {
    "description": "Names of events, custom events included (`custom.<name>`), or `*` for all.",
    "examples": [["lead.created", "lead.converted"]],
}


class EventFilter(Text):
    """The name of an event, or `*`."""

    def __init__(self) -> None:
        super().__init__(LONGEST_NAME, least=1)

    def _deserialize(self, value: object, *_: object, **__: object) -> str:
        name, known = super()._deserialize(value), (ALL_EVENTS, *EventName)
        if name not in known and not CUSTOM_NAME.fullmatch(name):
            raise ValidationError(f"Unknown event. Known: {listed(known)}.")
        return name


class WebhookIn(Schema):
    """A webhook endpoint."""

    url = OutgoingUrl(required=True)
    description = Text(
        LONGEST_DESCRIPTION, allow_none=True, load_default=None, metadata={"description": "Shown in notices to admins."}
    )
    events = ListOf(
        EventFilter(),
        least=1,
        most=MAX_EVENTS,
        load_default=lambda: [ALL_EVENTS],
        metadata=_FILTER,
    )
    is_active = Boolean(load_default=True)
    ordered = Boolean(
        load_default=False,
        metadata={"description": "Whether an event of a lead waits until the lead's earlier events were taken."},
    )
    include_lead = Boolean(
        load_default=False,
        metadata={
            "description": "Whether `data.lead` has the lead as it is when the call is made, without health data. It"
            " needs `lead:read` for all leads."
        },
    )


class WebhookQuery(PageQuery):
    """Filters for webhook endpoints."""

    is_active = Boolean()


class WebhookOut(Schema):
    """A webhook endpoint."""

    id = Id(required=True)
    url = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    events = fields.List(fields.String(), required=True)
    is_active = Boolean(required=True)
    ordered = Boolean(required=True)
    include_lead = Boolean(required=True)
    failures = Integer(required=True, metadata={"description": "Failed calls since the last successful one."})
    failing_since = Instant(required=True, allow_none=True)
    paused_until = Instant(
        required=True, allow_none=True, metadata={"description": "After several failures: time of the next call."}
    )
    last_error = fields.String(required=True, allow_none=True)
    disabled_at = Instant(required=True, allow_none=True, metadata={"description": "Set if the system disabled it."})
    disabled_because = Choice(DisabledBecause, required=True, allow_none=True)
    rotated_at = Instant(
        required=True,
        allow_none=True,
        metadata={"description": "Time of the last secret rotation; calls are signed with both secrets for a day."},
    )
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    version = Integer(required=True)


class WebhookSecretOut(WebhookOut):
    """A webhook endpoint with its secret, which is in this response only."""

    secret = fields.String(required=True, metadata={"description": "Standard Webhooks: `whsec_...`. Store it safely."})


class WebhookEventTypeOut(Schema):
    """A type of event, with an example of the body of its call."""

    name = fields.String(required=True, validate=validate.Length(1))
    description = fields.String(required=True)
    example = fields.Dict(required=True)


class WebhookEventTypesOut(Schema):
    """The types of events."""

    items = fields.List(fields.Nested(WebhookEventTypeOut), required=True)

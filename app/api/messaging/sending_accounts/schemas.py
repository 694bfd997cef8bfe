"""Request and response schemas for sending accounts."""

from typing import Any, Final

from marshmallow import ValidationError, fields

from app.api.messaging.gateway_schemas import SLUG, OutageOut
from app.http.schemas.fields import Boolean, Choice, Day, Id, Instant, Integer, ListOf, Text
from app.http.schemas.model_fields import ModelField
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Schema
from app.messaging.channels.account import AccountKind
from app.messaging.channels.base import Outcome
from app.messaging.sending_accounts.kinds import SERVED_CHANNELS, AnyCredentials, AnySettings

MOST_PER_PERIOD: Final = 1_000_000
MOST_GROWTH: Final = 1000  # percent
MOST_CHANNELS: Final = 10


class AccountPart(ModelField):
    """The settings or credentials of an account: an object, whose keys the service checks for the account's kind."""

    def _deserialize(self, value: object, *_: object, **__: object) -> Any:
        if not isinstance(value, dict):
            raise ValidationError("Not a valid object.")
        return value

    def _validate_missing(self, value: object) -> None:
        """Report missing and null parts, as other fields do: the service needs the object."""
        fields.Field._validate_missing(self, value)  # noqa: SLF001  (the parent class reports nothing)


def _channels(**options: Any) -> ListOf:
    names = ", ".join(sorted(SERVED_CHANNELS))
    return ListOf(Text(50, least=1, metadata={"description": f"One of {names}."}), most=MOST_CHANNELS, **options)


class SendingAccountChange(Schema):
    """Changes to a sending account. Fields that are left out stay unchanged."""

    channels = _channels(
        least=1,
        metadata={
            "description": "The channels that it serves: `smtp`: email; `twilio`: sms, whatsapp;"
            " `whatsapp_cloud`: whatsapp.",
            "examples": [["email"]],
        },
    )
    default_for = _channels(
        metadata={
            "description": "Channels whose messages use it if they name no account. Other accounts lose them.",
            "examples": [["email"]],
        },
    )
    settings = AccountPart(
        AnySettings,
        metadata={"description": "Settings of the kind. In a change, keys that are left out stay; null removes one."},
    )
    credentials = AccountPart(
        AnyCredentials,
        load_only=True,
        metadata={
            "description": "Credentials of the kind, stored encrypted and never in a response. In a change, keys"
            " that are left out stay; null removes one."
        },
    )
    is_active = Boolean()
    per_hour = Integer(
        least=1,
        most=MOST_PER_PERIOD,
        allow_none=True,
        metadata={"description": "Messages in any sixty minutes; null: unlimited. Further messages wait."},
    )
    per_day = Integer(
        least=1,
        most=MOST_PER_PERIOD,
        allow_none=True,
        metadata={"description": "Messages on a day of the clinic; null: unlimited. Further messages wait."},
    )
    warm_up_per_day = Integer(
        least=1,
        most=MOST_PER_PERIOD,
        allow_none=True,
        metadata={"description": "Warm-up of a new sender: messages on its first day; null: none."},
    )
    warm_up_growth = Integer(
        least=1,
        most=MOST_GROWTH,
        allow_none=True,
        metadata={"description": "Percent by which each day allows more than the day before; 30 if it is missing."},
    )
    warm_up_started_on = Day(
        allow_none=True, metadata={"description": "The first day of the warm-up; today if it is missing."}
    )


class SendingAccountIn(SendingAccountChange):
    """A new sending account."""

    name = Text(
        100, least=1, form=SLUG, required=True, metadata={"description": "Used by rules; it cannot be changed."}
    )
    kind = Choice(AccountKind, required=True)
    settings = AccountPart(AnySettings, required=True, metadata={"description": "Settings of the kind."})
    credentials = AccountPart(
        AnyCredentials,
        load_only=True,
        load_default=dict,
        metadata={"description": "Credentials of the kind, stored encrypted and never in a response."},
    )
    is_active = Boolean(load_default=True)


class SendingAccountQuery(PageQuery):
    """Filters for sending accounts."""

    kind = Choice(AccountKind)
    is_active = Boolean()


class SendingAccountOut(Schema):
    """A sending account."""

    id = Id(required=True)
    name = fields.String(required=True)
    kind = Choice(AccountKind, required=True)
    channels = fields.List(fields.String(), required=True)
    default_for = fields.List(fields.String(), required=True)
    settings = AccountPart(AnySettings, required=True)
    credential_names = fields.List(
        fields.String(), required=True, metadata={"description": "The credentials that are stored."}
    )
    is_active = Boolean(required=True)
    per_hour = Integer(required=True, allow_none=True)
    per_day = Integer(required=True, allow_none=True)
    warm_up_per_day = Integer(required=True, allow_none=True)
    warm_up_growth = Integer(required=True, allow_none=True)
    warm_up_started_on = Day(required=True, allow_none=True)
    outage = fields.Nested(
        OutageOut,
        allow_none=True,
        metadata={"description": "Set while messages wait for the account. A change or a new account has none."},
    )
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    version = Integer(required=True)


class SendingAccountTestIn(Schema):
    """Where a test message goes. Without a body: by e-mail, to the caller's address."""

    channel = Text(50, least=1, metadata={"description": "One of the account's channels; its first if it is missing."})
    to = Text(
        20,
        form=(r"^\+[1-9][0-9]{6,14}$", "Must be a phone number such as +12025550123."),
        metadata={"description": "Your own phone number. Needed for SMS and WhatsApp.", "examples": ["+12025550123"]},
    )


class SendingAccountTestOut(Schema):
    """Result of a test message."""

    outcome = Choice(Outcome, required=True)
    response = fields.String(required=True, metadata={"description": "The words of the server or provider."})

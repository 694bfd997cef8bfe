"""Kinds of sending accounts: their settings and credentials, checked, and the channels that each kind can serve."""

from collections.abc import Mapping
from typing import Annotated, Final, NamedTuple, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from app.core.http_client.targets import LONGEST_URL
from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation.json_pointer import pointer
from app.errors import FieldError
from app.messaging.channels.account import AccountKind
from app.messaging.channels.mail.mail_server import DEFAULT_PORTS, Security, SignIn
from app.messaging.channels.mail.microsoft import CLIENT_ID, TENANT
from app.messaging.channels.mail.mime import normalise_address

MAX_PORT: Final = 65535

_ONE_LINE: Final = r"^[^\x00-\x1f\x7f]*$"
Line: TypeAlias = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=254, pattern=_ONE_LINE)
]
Secret: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_URL, pattern=_ONE_LINE)]
Address: TypeAlias = Annotated[Line, AfterValidator(normalise_address)]
Number: TypeAlias = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class SmtpSettings(_Part):
    """Settings of a mail server."""

    host: Line = Field(description="A public host with TLS or STARTTLS.", examples=["smtp.example.com"])
    port: Annotated[int, Field(ge=1, le=MAX_PORT)] | None = Field(
        default=None, description="587 for `starttls`, 465 for `tls`, if it is missing.", examples=[587]
    )
    security: Annotated[Security, Field(strict=False)] = Field(
        default=Security.STARTTLS, description="`none` only for servers that the operator lists in OUTGOING_ALLOW."
    )
    username: Line | None = Field(default=None, description="Usually the e-mail address.")
    sign_in: Annotated[SignIn, Field(strict=False)] = Field(
        default=SignIn.PASSWORD,
        description="`microsoft`: OAuth with an application in Microsoft Entra (Microsoft 365).",
    )
    tenant: Annotated[str, StringConstraints(pattern=TENANT)] | None = Field(
        default=None, description="For `microsoft`: the id or domain of the directory.", examples=["clinic.example"]
    )
    client_id: Annotated[str, StringConstraints(pattern=CLIENT_ID)] | None = Field(
        default=None, description="For `microsoft`: the id of the application."
    )
    sender_address: Address = Field(description="The address in `From`.", examples=["hello@clinic.example"])
    sender_name: Line | None = Field(default=None, description="The name in `From`; null: the clinic's sender name.")
    send_as_coordinator: bool = Field(
        default=False,
        description="Put the lead's coordinator into `From`, if their address has the domain of `sender_address`.",
    )

    @property
    def used_port(self) -> int:
        """Return the port of connections."""
        return self.port or DEFAULT_PORTS[self.security]


class SmtpCredentials(_Part):
    """Credentials of a mail server. Without a user name none are needed."""

    password: Secret | None = Field(default=None, description="An app password where the provider has them.")
    client_secret: Secret | None = Field(default=None, description="For `microsoft`: a secret of the application.")


class TwilioSettings(_Part):
    """Settings of an account at Twilio."""

    account_sid: Annotated[str, StringConstraints(pattern=r"^AC[0-9a-fA-F]{32}$")] = Field(
        description="The account's SID.", examples=["AC0123456789abcdef0123456789abcdef"]
    )
    number: Number | None = Field(default=None, description="The sender of SMS.", examples=["+12025550123"])
    messaging_service_sid: Annotated[str, StringConstraints(pattern=r"^MG[0-9a-fA-F]{32}$")] | None = Field(
        default=None, description="A messaging service, which chooses the sender. It takes precedence over `number`."
    )
    whatsapp_number: Number | None = Field(default=None, description="The sender of WhatsApp messages.")


class TwilioCredentials(_Part):
    """Credentials of an account at Twilio."""

    auth_token: Secret = Field(description="The auth token. It also checks the signatures of Twilio's calls.")


class WhatsAppCloudSettings(_Part):
    """Settings of a number at the WhatsApp Cloud API."""

    phone_number_id: Annotated[str, StringConstraints(pattern=r"^[0-9]{5,25}$")] = Field(
        description="The id of the phone number, not the number itself.", examples=["106540352242922"]
    )
    business_account_id: Annotated[str, StringConstraints(pattern=r"^[0-9]{5,25}$")] | None = Field(
        default=None, description="The id of the WhatsApp business account."
    )


class WhatsAppCloudCredentials(_Part):
    """Credentials of a number at the WhatsApp Cloud API."""

    access_token: Secret = Field(description="A permanent token of a system user.")
    app_secret: Secret = Field(description="The app's secret. It checks the signatures of Meta's calls.")
    verify_token: Secret = Field(description="A text of your own that Meta repeats when the webhook is set up.")


class _Kind(NamedTuple):
    settings: type[_Part]
    credentials: type[_Part]
    channels: tuple[str, ...]  # that accounts of the kind can serve


KINDS: Final[Mapping[str, _Kind]] = {
    AccountKind.SMTP: _Kind(SmtpSettings, SmtpCredentials, ("email",)),
    AccountKind.TWILIO: _Kind(TwilioSettings, TwilioCredentials, ("sms", "whatsapp")),
    AccountKind.WHATSAPP_CLOUD: _Kind(WhatsAppCloudSettings, WhatsAppCloudCredentials, ("whatsapp",)),
}
SERVED_CHANNELS: Final = frozenset(channel for kind in KINDS.values() for channel in kind.channels)
AnySettings: TypeAlias = SmtpSettings | TwilioSettings | WhatsAppCloudSettings
AnyCredentials: TypeAlias = SmtpCredentials | TwilioCredentials | WhatsAppCloudCredentials


def may_use_account(channel: object) -> bool:
    """Return whether accounts can serve a channel; False if `channel` is no name."""
    return isinstance(channel, str) and channel in SERVED_CHANNELS


def part_errors(part: type[_Part], values: object, place: str) -> list[FieldError]:
    """Return the mistakes in settings or credentials, with pointers below `place`."""
    try:
        part.model_validate(values)
    except ValidationError as found:
        return [FieldError(place + pointer(*error["loc"]), _message(error)) for error in found.errors()]
    return []


def complete_settings(kind: str, values: JsonObject) -> JsonDict:
    """Return valid settings with their defaults, as JSON."""
    settings = KINDS[kind].settings.model_validate(values)
    return settings.model_dump(mode="json")


def settings_errors(kind: str, settings: JsonObject, credentials: JsonObject) -> list[FieldError]:
    """Return the mistakes in the settings and credentials of an account."""
    parts = KINDS[kind]
    found = part_errors(parts.settings, settings, "/settings")
    found += part_errors(parts.credentials, credentials, "/credentials")
    if kind != AccountKind.SMTP:
        return found
    if settings.get("sign_in") == SignIn.MICROSOFT:
        return [*found, *_missing_for_microsoft(settings, credentials)]
    needs_password = settings.get("username") and not credentials.get("password")
    return [*found, FieldError("/credentials/password", "Required with a user name.")] if needs_password else found


def _missing_for_microsoft(settings: JsonObject, credentials: JsonObject) -> list[FieldError]:
    places = [(f"/settings/{name}", settings.get(name)) for name in ("username", "tenant", "client_id")]
    places.append(("/credentials/client_secret", credentials.get("client_secret")))
    return [FieldError(place, "Required for the sign-in with Microsoft.") for place, value in places if not value]


def channel_errors(kind: str, settings: JsonObject, channels: list[str]) -> list[FieldError]:
    """Return a mistake for each channel that the account cannot serve."""
    allowed = KINDS[kind].channels
    mistakes = [
        FieldError(f"/channels/{index}", f"A {kind} account serves {' and '.join(allowed)}.")
        for index, channel in enumerate(channels)
        if channel not in allowed
    ]
    if kind == AccountKind.TWILIO:
        mistakes += _missing_numbers(settings, channels)
    return mistakes


def _missing_numbers(settings: JsonObject, channels: list[str]) -> list[FieldError]:
    has_sender = settings.get("number") or settings.get("messaging_service_sid")
    missing = []
    if "sms" in channels and not has_sender:
        missing.append(FieldError("/settings/number", "SMS need a number or a messaging service."))
    if "whatsapp" in channels and not settings.get("whatsapp_number"):
        missing.append(FieldError("/settings/whatsapp_number", "Required for WhatsApp."))
    return missing


def _message(error: Mapping[str, object]) -> str:
    """Return the message of a pydantic error, without the value."""
    if error["type"] == "missing":
        return "Missing data for required field."
    return "Unknown field." if error["type"] == "extra_forbidden" else f"{error['msg']}."

"""Request and response schemas for mailboxes."""

from typing import Any, Final

from marshmallow import ValidationError, fields

from app.core.http_client.targets import NotAllowed, read_host
from app.http.schemas.fields import Boolean, Choice, Day, Id, Instant, Integer, Secret, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Schema
from app.messaging.channels.mail.mail_server import Security, SignIn
from app.messaging.channels.mail.microsoft import CLIENT_ID, TENANT
from app.messaging.inbound.authentication import OnFailedAuthentication
from app.messaging.mailboxes.models import INBOX

MAX_PORT: Final = 65535
LONGEST_HOST: Final = 253
AUTHENTICATION_SERVER: Final = (
    r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
    "Must be the name of a server, such as `mx.google.com`.",
)
LONGEST_NAME: Final = 100
LONGEST_LOGIN: Final = 254
LONGEST_PASSWORD: Final = 500


class MailHost(Text):
    """Host name of a mail server. Its addresses are checked when it is saved and at each connection."""

    def __init__(self, **options: Any) -> None:
        super().__init__(LONGEST_HOST, least=1, metadata={"examples": ["imap.example.com"]}, **options)

    def _deserialize(self, value: object, *_: object, **__: object) -> str:
        host = super()._deserialize(value)
        try:
            return read_host(host.lower())
        except NotAllowed as refusal:
            raise ValidationError(f"It {refusal}.") from None


class MailboxChange(Schema):
    """Changes to a mailbox. Fields that are left out stay unchanged."""

    name = Text(LONGEST_NAME, least=1)
    host = MailHost()
    port = Integer(least=1, most=MAX_PORT, metadata={"description": "993 for TLS, 143 for STARTTLS."})
    security = Choice(
        Security,
        metadata={"description": "`none` is accepted only for servers that the operator lists in OUTGOING_ALLOW."},
    )
    username = Text(LONGEST_LOGIN, least=1, metadata={"description": "Usually the e-mail address."})
    password = Secret(
        LONGEST_PASSWORD,
        metadata={"description": "An app password where the provider has them. It is never in a response."},
    )
    sign_in = Choice(
        SignIn,
        metadata={
            "description": "`password`; or `microsoft`: OAuth with an application in Microsoft Entra, with `tenant`,"
            " `client_id` and `client_secret` (Microsoft 365)."
        },
    )
    tenant = Text(
        100,
        form=(TENANT, "Must be the id or the domain of a directory."),
        allow_none=True,
        metadata={"description": "The directory in Microsoft Entra.", "examples": ["clinic.example"]},
    )
    client_id = Text(
        100,
        form=(CLIENT_ID, "Must be the id of an application."),
        allow_none=True,
        metadata={"description": "The application in Microsoft Entra."},
    )
    client_secret = Secret(
        LONGEST_PASSWORD, allow_none=True, metadata={"description": "Its secret. It is never in a response."}
    )
    authentication_server = Text(
        LONGEST_HOST,
        least=1,
        form=AUTHENTICATION_SERVER,
        allow_none=True,
        metadata={
            "description": "The name with which the mailbox's own server begins `Authentication-Results`. Only its"
            " results of SPF, DKIM and DMARC count. Null: none count.",
            "examples": ["mx.google.com"],
        },
    )
    on_failed_authentication = Choice(
        OnFailedAuthentication,
        metadata={
            "description": "An answer that fails DMARC: `accept` as any other, or `review`: it stops nothing and waits"
            " for a user in the list of unmatched mail."
        },
    )
    folder = Text(LONGEST_NAME, least=1)
    is_active = Boolean(metadata={"description": "Whether its mail is read."})
    mark_seen = Boolean(metadata={"description": "Mark mails as seen on the server. Mails are never deleted."})
    since = Day(
        allow_none=True,
        metadata={"description": "Read mails since this day. Without it, those that arrive from now on."},
    )


class MailboxIn(MailboxChange):
    """A new mailbox."""

    name = Text(LONGEST_NAME, least=1, required=True)
    host = MailHost(required=True)
    security = Choice(
        Security,
        load_default=Security.TLS,
        metadata={"description": "`none` is accepted only for servers that the operator lists in OUTGOING_ALLOW."},
    )
    username = Text(LONGEST_LOGIN, least=1, required=True, metadata={"description": "Usually the e-mail address."})
    sign_in = Choice(
        SignIn,
        load_default=SignIn.PASSWORD,
        metadata={
            "description": "`password`; or `microsoft`: OAuth with an application in Microsoft Entra, with `tenant`,"
            " `client_id` and `client_secret` (Microsoft 365)."
        },
    )
    folder = Text(LONGEST_NAME, least=1, load_default=INBOX)
    is_active = Boolean(load_default=True)
    mark_seen = Boolean(load_default=False)
    since = Day(
        allow_none=True,
        load_default=None,
        metadata={"description": "Read mails since this day. Without it, those that arrive from now on."},
    )


class MailboxQuery(PageQuery):
    """Filters for mailboxes."""

    is_active = Boolean()


class MailboxOut(Schema):
    """A mailbox."""

    id = Id(required=True)
    name = fields.String(required=True)
    host = fields.String(required=True)
    port = Integer(required=True)
    security = Choice(Security, required=True)
    username = fields.String(required=True)
    sign_in = Choice(SignIn, required=True)
    tenant = fields.String(required=True, allow_none=True)
    client_id = fields.String(required=True, allow_none=True)
    authentication_server = fields.String(required=True, allow_none=True)
    on_failed_authentication = Choice(OnFailedAuthentication, required=True)
    folder = fields.String(required=True)
    is_active = Boolean(required=True)
    mark_seen = Boolean(required=True)
    since = Day(required=True, allow_none=True)
    supports_idle = Boolean(
        required=True,
        allow_none=True,
        metadata={"description": "The server reports new mail at once. If false, it is asked every 20 seconds."},
    )
    last_seen_at = Instant(required=True, allow_none=True, metadata={"description": "When the folder was last read."})
    failing_since = Instant(
        required=True,
        allow_none=True,
        metadata={"description": "Set while it cannot be read. After an hour the admins get a notice."},
    )
    error = fields.String(required=True, allow_none=True, metadata={"description": "The last failure."})
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    version = Integer(required=True)


class MailboxTestOut(Schema):
    """Result of a test."""

    works = Boolean(required=True)
    error = fields.String(required=True, allow_none=True)
    messages = Integer(required=True, allow_none=True, metadata={"description": "Number of mails in the folder."})
    supports_idle = Boolean(
        required=True, allow_none=True, metadata={"description": "Whether the server reports new mail at once (IDLE)."}
    )

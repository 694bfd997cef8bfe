"""Request and response schemas for webhooks of mail providers."""

from typing import Any, Final

from marshmallow import ValidationError, fields, validates_schema

from app.api.messaging.gateway_schemas import SLUG
from app.api.messaging.mailbox_schemas import AUTHENTICATION_SERVER, LONGEST_HOST
from app.core.type_aliases import JsonDict
from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, Secret, Text
from app.http.schemas.schema import Schema
from app.messaging.inbound.authentication import OnFailedAuthentication
from app.messaging.inbound.hooks import hook_url, missing_credentials
from app.messaging.inbound.models import HookProvider

LONGEST_SECRET: Final = 500
_TOPIC: Final = (r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$", "Must be the ARN of an SNS topic.")


class InboundHookChange(Schema):
    """Changes to a webhook. Fields that are left out stay unchanged."""

    secret = Secret(
        LONGEST_SECRET,
        metadata={
            "description": "Mailgun: the signing key. Postmark and SendGrid: a password of your own, in the URL"
            " (https://relance:PASSWORD@…) or in the header X-Relance-Secret. It is never returned."
        },
    )
    topic = Text(
        300,
        form=_TOPIC,
        metadata={
            "description": "SES: ARN of the SNS topic.",
            "examples": ["arn:aws:sns:eu-west-1:123456789012:mail"],
        },
    )
    verification_key = Secret(
        LONGEST_SECRET, metadata={"description": "SendGrid: public key of signed event webhooks (base64)."}
    )
    authentication_server = Text(
        LONGEST_HOST,
        least=1,
        form=AUTHENTICATION_SERVER,
        allow_none=True,
        metadata={
            "description": "The name with which the provider's own server, or yours that forwards to it, begins"
            " `Authentication-Results`. Its first header counts. Without it, only results beside the mail count.",
            "examples": ["amazonses.com"],
        },
    )
    on_failed_authentication = Choice(
        OnFailedAuthentication,
        metadata={
            "description": "An answer that fails DMARC: `accept` as any other, or `review`: it stops nothing and waits"
            " for a user in the list of unmatched mail."
        },
    )
    is_active = Boolean()


class InboundHookIn(InboundHookChange):
    """A new webhook."""

    name = Text(100, least=1, form=SLUG, required=True)
    provider = Choice(HookProvider, required=True)
    on_failed_authentication = Choice(OnFailedAuthentication, load_default=OnFailedAuthentication.ACCEPT)
    is_active = Boolean(load_default=True)

    @validates_schema
    def _require_credentials(self, data: JsonDict, **_: Any) -> None:
        missing = missing_credentials(HookProvider(data["provider"]), data)
        if missing:
            raise ValidationError({name: [f"Required for {data['provider']}."] for name in missing})


class InboundHookOut(Schema):
    """A webhook of a mail provider."""

    id = Id(required=True)
    name = fields.String(required=True)
    provider = Choice(HookProvider, required=True)
    url = fields.Function(
        hook_url, required=True, metadata={"type": "string", "description": "For the provider's settings."}
    )
    topic = fields.String(required=True, allow_none=True)
    authentication_server = fields.String(required=True, allow_none=True)
    on_failed_authentication = Choice(OnFailedAuthentication, required=True)
    is_active = Boolean(required=True)
    last_called_at = Instant(required=True, allow_none=True, metadata={"description": "Accurate to a minute."})
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    version = Integer(required=True)


class ProcessedOut(Schema):
    """Result of a call."""

    taken = Integer(required=True, metadata={"description": "New mails and events."})
    repeated = Integer(required=True, metadata={"description": "Mails and events that were processed before."})

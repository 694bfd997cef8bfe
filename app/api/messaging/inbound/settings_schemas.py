"""Request and response schemas for inbound e-mail settings."""

import re
from typing import Any, Final

from marshmallow import ValidationError, fields

from app.http.schemas.fields import Boolean, Choice, Id, Integer, Text
from app.http.schemas.schema import Schema
from app.identity.inbound_email import InboundEmailSettings, UnknownSenders, UnsureReplies
from app.messaging.channels.mail.mime import LABELS, LOCAL_PART
from app.messaging.inbound.addresses import LONGEST_LOCAL_PART

LONGEST_ADDRESS: Final = 200
MOST_DAYS: Final = 365
_DEFAULTS: Final = InboundEmailSettings()
_MISTAKE: Final = (
    f"Must be an address with at most {LONGEST_LOCAL_PART} characters before the @, without a plus sign,"
    " or @ and a domain."
)


class InboundAddress(Text):
    """`hello@clinic.example`, or `@inbox.clinic.example` for every address of a domain."""

    def __init__(self, **options: Any) -> None:
        super().__init__(LONGEST_ADDRESS, **options)

    def _deserialize(self, value: object, *_: object, **__: object) -> str:
        address = super()._deserialize(value).lower()
        local, at, domain = address.rpartition("@")
        is_local = not local or (LOCAL_PART.fullmatch(local) and "+" not in local)
        if not (
            at and is_local and len(local) <= LONGEST_LOCAL_PART and re.fullmatch(LABELS, domain) and "." in domain
        ):
            raise ValidationError(_MISTAKE)
        return address


class InboundSettingsIn(Schema):
    """Settings for mail that arrives. Fields that are left out get their default."""

    address = InboundAddress(
        allow_none=True,
        load_default=None,
        metadata={
            "description": "Answers to messages go to this address with a signed id: hello+ID@clinic.example. `@` and a"
            " domain: the domain passes on every address. Null: answers go to the lead's coordinator.",
            "examples": ["hello@clinic.example"],
        },
    )
    takes_bounces = Boolean(
        load_default=_DEFAULTS.takes_bounces,
        metadata={"description": "Use the address as envelope sender too, so that bounces arrive here."},
    )
    unknown_senders = Choice(
        UnknownSenders,
        load_default=_DEFAULTS.unknown_senders,
        metadata={"description": "Mail of unknown senders: `list` waits for a user, `lead` becomes a new lead."},
    )
    source_id = Id(
        allow_none=True,
        load_default=None,
        metadata={"description": "Source of new leads; null: a source named E-mail, which is created."},
    )
    match_days = Integer(
        least=1,
        most=MOST_DAYS,
        load_default=_DEFAULTS.match_days,
        metadata={"description": "A mail without ids answers the last message to its sender within these days."},
    )
    unsure_replies = Choice(
        UnsureReplies,
        load_default=_DEFAULTS.unsure_replies,
        metadata={
            "description": "A mail that may be automatic, if no user decides within two business days: `resume` sends"
            " the messages that waited, `stop` counts it as a reply."
        },
    )


class InboundSettingsOut(Schema):
    """Settings for mail that arrives."""

    address = fields.String(required=True, allow_none=True)
    takes_bounces = Boolean(required=True)
    unknown_senders = Choice(UnknownSenders, required=True)
    source_id = Id(required=True, allow_none=True)
    match_days = Integer(required=True)
    unsure_replies = Choice(UnsureReplies, required=True)
    version = Integer(required=True)

"""The sending account of a message: the clinic's own server or provider account, as a channel uses it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from app.core.type_aliases import JsonObject


class AccountKind(StrEnum):
    """The kind of a sending account."""

    SMTP = "smtp"  # a mail server
    TWILIO = "twilio"
    WHATSAPP_CLOUD = "whatsapp_cloud"  # WhatsApp Cloud API of Meta


@dataclass(frozen=True, slots=True)
class Account:
    """A sending account with its decrypted credentials. `app.messaging.sending_accounts.kinds` lists what each has."""

    id: UUID
    kind: str
    settings: JsonObject
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)

"""Calls of providers of text messages: their data, and the messages and reports in them."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias
from uuid import UUID

from app.core.type_aliases import JsonDict
from app.messaging.rendering.safe_text import one_line

LONGEST_TEXT: Final = 5000  # characters that are stored; longer than any provider allows
MOST_MEDIA: Final = 20


class UntrustedCall(ValueError):
    """The call does not come from the provider."""


class UnreadableCall(ValueError):
    """The body of the call is not in the provider's form."""


class ReportedStatus(StrEnum):
    """The status of a sent message, as its provider reports it."""

    ACCEPTED = "accepted"  # on its way
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class TextCall:
    """A call of a provider. `url` is the one that the provider called; names of `headers` are in lower case."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Media:
    """A reference to a file of a message. Its content stays at the provider."""

    type: str  # content type
    reference: str  # URL or id at the provider
    size: int | None = None  # in bytes, if the provider gives it
    name: str | None = None

    def to_json(self) -> JsonDict:
        """Return the JSON for the message's row."""
        return {"type": self.type, "reference": self.reference, "size": self.size, "name": self.name}


@dataclass(frozen=True, slots=True)
class ReceivedText:
    """A message that arrived."""

    provider_id: str
    channel: str
    sender: str  # E.164
    text: str
    sender_name: str = ""
    media: tuple[Media, ...] = ()
    sent_at: datetime | None = None  # None: the provider does not say


@dataclass(frozen=True, slots=True)
class StatusReport:
    """A report about a sent message. `message_id` is the notification's id."""

    provider_id: str
    message_id: UUID | None
    status: ReportedStatus
    code: int | None = None  # the provider's code of a failure
    words: str = field(default="", repr=False)
    at: datetime | None = None


Item: TypeAlias = ReceivedText | StatusReport


def require_equal(given: str, expected: str) -> None:
    """Compare signatures in constant time. Raises UntrustedCall."""
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise UntrustedCall


def read_uuid(text: object) -> UUID | None:
    """Return the id in a text; None if there is none."""
    try:
        return UUID(str(text))
    except ValueError:
        return None


def read_id(given: object) -> str:
    """Return a provider's id of a message, in one line of at most 255 characters. Raises UnreadableCall."""
    found = one_line(given)[:255] if isinstance(given, str) else ""
    if not found:
        raise UnreadableCall("A message has no id.")
    return found


def clean_name(text: object) -> str:
    """Return a name in one line of at most 200 characters."""
    return one_line(str(text or ""))[:200]

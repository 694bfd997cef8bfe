"""Payload of a message to a gateway: endpoint, message type and media."""

from dataclasses import KW_ONLY, dataclass, field
from enum import StrEnum


class MessageType(StrEnum):
    """The type of a message: only a text, or a text with a file."""

    TEXT = "text"
    IMAGE = "image"
    VIDEO = "video"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """URL, signing secrets and idempotency of a gateway. `secrets` has the newest first."""

    url: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    _: KW_ONLY
    is_idempotent: bool


@dataclass(frozen=True, slots=True)
class GatewayPayload:
    """Gateway payload of a message: its endpoint, its type, its media URL, and the ids of lead and clinic."""

    endpoint: Endpoint
    _: KW_ONLY
    type: str
    media_url: str | None
    lead_id: str
    clinic_id: str

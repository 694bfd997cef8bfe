"""What a message to a gateway has beyond its text."""

from dataclasses import KW_ONLY, dataclass, field
from enum import StrEnum


class MessageType(StrEnum):
    TEXT = "text"
    IMAGE = "image"
    VIDEO = "video"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A gateway, as far as a call needs it."""

    url: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    _: KW_ONLY
    is_idempotent: bool


@dataclass(frozen=True, slots=True)
class Parcel:
    """Where a message goes, what kind it is, and whom it is about."""

    endpoint: Endpoint
    _: KW_ONLY
    type: str
    media_url: str | None
    lead_id: str
    clinic_id: str

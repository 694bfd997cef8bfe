"""Inbound e-mail settings of a clinic: its address for answers, and what happens to mail of unknown senders."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Self

from app.core.type_aliases import JsonDict, JsonObject


class UnknownSenders(StrEnum):
    """Handling of mail from senders who are no known lead."""

    LIST = "list"  # it waits until a user assigns or ignores it
    LEAD = "lead"  # it becomes a new lead


class UnsureReplies(StrEnum):
    """Handling of a mail that may be automatic, if no user decides within two business days."""

    RESUME = "resume"  # it counts as automatic: messages go on
    STOP = "stop"  # it counts as a reply


@dataclass(frozen=True, slots=True)
class InboundEmailSettings:
    """Settings for mail that arrives. Without an address, messages name the coordinator's for answers."""

    address: str | None = None  # `hello@clinic.example`, or `@inbox.clinic.example` for all addresses of a domain
    takes_bounces: bool = True  # whether it is also the sender in the SMTP envelope, which gets bounces
    unknown_senders: UnknownSenders = UnknownSenders.LIST
    source_id: str | None = None  # source of new leads
    match_days: int = 30  # a mail without ids answers the last message to its sender, if that is not older
    unsure_replies: UnsureReplies = UnsureReplies.RESUME

    @classmethod
    def from_json(cls, stored: JsonObject) -> Self:
        """Read the JSON of a clinic's row; missing keys get the default."""
        given = {
            **stored,
            "unknown_senders": UnknownSenders(stored.get("unknown_senders", UnknownSenders.LIST)),
            "unsure_replies": UnsureReplies(stored.get("unsure_replies", UnsureReplies.RESUME)),
        }
        return cls(**given)

    def to_json(self) -> JsonDict:
        """Return the JSON for a clinic's row."""
        return asdict(self)

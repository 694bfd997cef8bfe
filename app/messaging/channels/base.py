"""What every channel takes and gives. How an attempt ended is a value: nothing is raised for it."""

from dataclasses import KW_ONLY, dataclass
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar, Protocol, TypeAlias

from app.messaging.channels.gateway_payload import Parcel
from app.messaging.rendering.safe_text import one_line

LONGEST_RESPONSE = 500


class Outcome(StrEnum):
    SENT = "sent"  # the provider has taken it
    TRANSIENT = "transient"  # not taken, and another try may do better
    PERMANENT = "permanent"  # refused; the same again would be refused again
    UNKNOWN = "unknown"  # handed over, but no answer came: it may be on its way


@dataclass(frozen=True, slots=True)
class _Answer:
    """How an attempt ended, in the provider's own words (one line, at most 500 characters)."""

    response: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "response", one_line(self.response)[:LONGEST_RESPONSE])


class Sent(_Answer):
    outcome: ClassVar[Outcome] = Outcome.SENT


@dataclass(frozen=True, slots=True)
class Transient(_Answer):
    wait: timedelta | None = None  # how long, at least, as the provider asks
    outcome: ClassVar[Outcome] = Outcome.TRANSIENT


class Permanent(_Answer):
    outcome: ClassVar[Outcome] = Outcome.PERMANENT


class Unknown(_Answer):
    outcome: ClassVar[Outcome] = Outcome.UNKNOWN


Receipt: TypeAlias = Sent | Transient | Permanent | Unknown


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One message to one address."""

    address: str | None
    subject: str
    body: str
    _: KW_ONLY
    message_id: str | None
    sender_name: str = ""  # shown instead of the name in MAIL_FROM, when there is one: the clinic's
    parcel: Parcel | None = None  # what a gateway is told beyond that
    reply_to: str | None = None  # where an answer goes, when not to MAIL_FROM: to the coordinator


class Channel(Protocol):
    """A way to a person. `send` takes as long as the provider does, so no transaction is open meanwhile."""

    def send(self, message: OutgoingMessage) -> Receipt:
        """Try once. Raises nothing that the provider or the network could be the cause of."""
        ...

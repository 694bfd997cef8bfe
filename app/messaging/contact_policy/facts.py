"""What the gate is asked about: a message that is about to go, and what is known of the lead it would go to."""

from collections.abc import Collection, Container, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from app.core.calendar.calendar import Calendar
from app.identity.contact_policy import ContactPolicy

PRIORITY: Final = 100  # where nobody said how much a message matters; 1 matters most


@dataclass(frozen=True, slots=True)
class Touch:
    """A message that is about to go to a lead."""

    channel: str
    address: str | None
    planned_at: datetime
    series: str | None = None  # the rule or sequence that it belongs to
    priority: int = PRIORITY
    is_transactional: bool = False  # the lead waits for it: a confirmation
    stops_at_reply: bool = False


@dataclass(frozen=True, slots=True)
class Gone:
    """A message that went to the lead, or is on its way."""

    at: datetime
    series: str | None = None


@dataclass(frozen=True, slots=True)
class Ahead:
    """A message to the lead that is planned."""

    due_at: datetime
    priority: int = PRIORITY


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a lead, of its clinic, and of what went to it."""

    calendar: Calendar
    policy: ContactPolicy = field(default_factory=ContactPolicy)
    places: tuple[ZoneInfo, ...] = ()  # where the lead may be; none: where the clinic is
    days_off: Container[date] = frozenset()  # the holidays of the lead's own country
    opted_out_at: datetime | None = None
    opted_out_channels: Collection[str] = ()
    restricted_at: datetime | None = None
    replied_at: datetime | None = None
    is_suppressed: bool = False  # the address is on the clinic's list
    gone: Sequence[Gone] = ()
    ahead: Sequence[Ahead] = ()
    throttled_until: datetime | None = None  # the account that sends has used up what it may

    @property
    def zones(self) -> tuple[ZoneInfo, ...]:
        """Where the lead may be, the clinic's zone where nobody knows."""
        return self.places or (self.calendar.zone,)

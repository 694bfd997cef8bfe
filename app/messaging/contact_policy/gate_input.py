"""Input of the contact gate: the contact attempt, and the facts about its lead and clinic."""

from collections.abc import Collection, Container, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from app.core.calendar.calendar import Calendar
from app.identity.contact_policy import ContactPolicy

DEFAULT_PRIORITY: Final = 100  # 1 is the highest


@dataclass(frozen=True, slots=True)
class ContactAttempt:
    """A contact attempt: a message that is about to be sent to a lead."""

    channel: str
    address: str | None
    planned_at: datetime
    series: str | None = None  # slug of its rule or sequence
    priority: int = DEFAULT_PRIORITY
    is_transactional: bool = False  # the lead expects it, such as a confirmation
    stops_at_reply: bool = False
    has_provider_template: bool = False  # the provider takes its approved text outside of a session


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message that was sent to the lead or is pending."""

    at: datetime
    series: str | None = None


@dataclass(frozen=True, slots=True)
class PlannedMessage:
    """A planned message to the lead."""

    due_at: datetime
    priority: int = DEFAULT_PRIORITY


@dataclass(frozen=True, slots=True)
class ContactFacts:
    """Facts about a lead, its clinic, and the messages that were sent to it."""

    calendar: Calendar
    policy: ContactPolicy = field(default_factory=ContactPolicy)
    places: tuple[ZoneInfo, ...] = ()  # time zones the lead may be in; empty: the clinic's
    days_off: Container[date] = frozenset()  # the holidays of the lead's own country
    opted_out_at: datetime | None = None
    opted_out_channels: Collection[str] = ()
    restricted_at: datetime | None = None
    replied_at: datetime | None = None
    is_suppressed: bool = False  # the address is on the suppression list
    sent: Sequence[SentMessage] = ()
    planned: Sequence[PlannedMessage] = ()
    last_inbound_at: datetime | None = None  # the lead's last message on a channel with sessions
    decide_by: datetime | None = None  # a user is to decide about a message of the lead, at the latest then
    throttled_until: datetime | None = None  # the gateway has used up its hourly limit

    @property
    def zones(self) -> tuple[ZoneInfo, ...]:
        """The time zones that the lead may be in; the clinic's zone if they are unknown."""
        return self.places or (self.calendar.zone,)

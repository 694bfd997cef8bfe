"""Clinic context: the settings of a clinic that engine and automation need, at one version."""

from dataclasses import dataclass, field
from uuid import UUID

from app.core.calendar.calendar import Calendar
from app.core.validation import language_tags
from app.identity.contact_policy import ContactPolicy
from app.identity.inbound_email import InboundEmailSettings
from app.identity.message_tracking import TrackingSettings
from app.identity.models import SPREAD_TASKS_PER_HOUR, STALE_AFTER_DAYS
from app.identity.task_cancellation import TaskCancellation


@dataclass(frozen=True, slots=True)
class ClinicContext:
    """The settings of one clinic at one version. `app.identity.clinics` builds and caches it."""

    id: UUID
    name: str
    region: str  # ISO 3166 country, for phone numbers
    calendar: Calendar  # in the clinic's time zone
    rules_version: int
    stale_after_days: int = STALE_AFTER_DAYS
    spread_tasks_per_hour: int = SPREAD_TASKS_PER_HOUR  # tasks that rules create for many leads, for each user
    language: str = language_tags.DEFAULT  # BCP 47; language of its messages
    sender_name: str | None = None  # in e-mails; None: its name
    postal_address: str | None = None
    policy: ContactPolicy = field(default_factory=ContactPolicy)
    inbound_email: InboundEmailSettings = field(default_factory=InboundEmailSettings)
    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    detects_sentiment: bool = False  # of messages from leads
    task_cancellation: TaskCancellation = field(default_factory=TaskCancellation)

    @property
    def sender(self) -> str:
        """The name that e-mails to leads come from."""
        return self.sender_name or self.name

"""What the engine knows of a clinic: its time and place, how it writes to leads, the version of its rules."""

from dataclasses import dataclass, field
from uuid import UUID

from app.core.calendar.calendar import Calendar
from app.core.validation import language_tags
from app.identity.contact_policy import ContactPolicy


@dataclass(frozen=True, slots=True)
class ClinicContext:
    """One clinic as of one version; `app.identity.clinics` builds and keeps it."""

    id: UUID
    name: str
    region: str  # ISO 3166 country, for phone numbers
    calendar: Calendar  # its zone is the clinic's
    rules_version: int
    stale_after_days: int
    language: str = language_tags.DEFAULT  # BCP 47, of its texts
    policy: ContactPolicy = field(default_factory=ContactPolicy)

"""What the engine knows of a clinic: nothing but its time, its place and the version of its rules."""

from dataclasses import dataclass
from uuid import UUID

from app import languages
from app.automation.calendar import Calendar


@dataclass(frozen=True, slots=True)
class ClinicContext:
    """One clinic as of one version; `app.identity.clinics` builds and keeps it."""

    id: UUID
    name: str
    region: str  # ISO 3166 country, for phone numbers
    calendar: Calendar  # its zone is the clinic's
    rules_version: int
    stale_after_days: int
    language: str = languages.DEFAULT  # BCP 47, of its texts

"""The planted truths, and the other settings of the generated clinic."""

from collections.abc import Mapping
from datetime import date
from typing import Final, NamedTuple

from app.core.type_aliases import JsonObject
from app.identity.models import Role
from app.leads.enums import CaptureChannel, LostReason, TreatmentInterest

SLUG: Final = "history"
CLINIC: Final[JsonObject] = {
    "name": "Harbor Street Orthodontics",
    "slug": SLUG,
    "timezone": "America/New_York",
    "region": "US",
}
DAYS: Final = 365
WELCOME: Final[JsonObject] = {  # sent to each new lead, besides the messages of the clinic's playbook
    "subject": "Thank you for asking us, {{ lead.first_name }}",
    "body": "Hello {{ lead.first_name }},\n\nThank you for your interest. We will call you soon.\n\n{{ clinic.name }}",
}

# The planted truths.
BEST_SOURCE: Final = "Patient referral"
BEST_SOURCE_CONVERTS: Final = (
    2.4  # factor of the chance; at most 97 %, so the rate is about twice that of other sources
)
SLOW_COORDINATOR: Final = "Dev Okafor"
BEST_HOUR: Final = 17  # local; calls reach more people from here to the next hour
REACHED_AT_BEST_HOUR: Final = 0.62
REACHED_AT_OTHER_HOURS: Final = 0.24


class Coordinator(NamedTuple):
    """A coordinator: median business hours to the first contact, and the share of tasks done in time."""

    name: str
    hours_to_contact: float
    in_time: float


COORDINATORS: Final = (
    Coordinator("Ben Carter", 0.6, 0.88),
    Coordinator("Chloe Diaz", 0.7, 0.86),
    Coordinator(SLOW_COORDINATOR, 16.0, 0.45),
    Coordinator("Sofia Lang", 0.8, 0.84),
)
OTHERS: Final = (
    ("Alice Moreau", Role.CLINIC_ADMIN),
    ("Erin Walsh", Role.FRONT_DESK),
    ("Gus Lindqvist", Role.MARKETING_MANAGER),
)


class SourcePlan(NamedTuple):
    """A source: share of the leads, channel, and monthly costs from the first and from the seventh month on."""

    share: float
    channel: CaptureChannel
    costs: tuple[int, int] | None = None


SOURCES: Final[Mapping[str, SourcePlan]] = {
    "Web search": SourcePlan(22, CaptureChannel.WEB_FORM),
    "Web advertising": SourcePlan(18, CaptureChannel.WEB_FORM, (4200, 5600)),
    "Social media": SourcePlan(14, CaptureChannel.SOCIAL, (1800, 1800)),
    "Doctor referral": SourcePlan(14, CaptureChannel.REFERRAL_PROVIDER),
    BEST_SOURCE: SourcePlan(13, CaptureChannel.REFERRAL_PATIENT),
    "Print advertising": SourcePlan(4, CaptureChannel.PHONE, (1200, 900)),
    "Community event": SourcePlan(4, CaptureChannel.MANUAL, (600, 600)),
    "School screening": SourcePlan(5, CaptureChannel.MANUAL, (300, 300)),
    "Walk-in": SourcePlan(4, CaptureChannel.WALK_IN),
    "Other": SourcePlan(2, CaptureChannel.PHONE),
}


class Interest(NamedTuple):
    """A treatment: share of the leads, effect on the chance of conversion (log odds), and usual value."""

    share: float
    effect: float
    value: int


INTERESTS: Final[Mapping[str, Interest]] = {
    TreatmentInterest.INVISALIGN: Interest(32, 0.5, 5400),
    TreatmentInterest.BRACES_METAL: Interest(22, 0.6, 4600),
    TreatmentInterest.BRACES_CLEAR: Interest(16, 0.4, 5000),
    TreatmentInterest.RETAINER: Interest(8, -0.6, 700),
    TreatmentInterest.SECOND_OPINION: Interest(8, -0.5, 4800),
    TreatmentInterest.GENERAL_INQUIRY: Interest(14, -1.2, 4000),
}
# Log odds of a conversion.
BASE: Final = -3.3
WITH_PHONE, WITH_INSURANCE, ENGAGED = 0.9, 0.6, 1.35

DECLINED_FOR: Final[Mapping[str, float]] = {
    LostReason.COST_FINANCIAL: 45,
    LostReason.CHOSE_COMPETITOR: 28,
    LostReason.INSURANCE_ISSUES: 15,
    LostReason.TIMING_NOT_RIGHT: 12,
}
REFUSED_FOR: Final[Mapping[str, float]] = {
    LostReason.TIMING_NOT_RIGHT: 38,
    LostReason.CHOSE_COMPETITOR: 27,
    LostReason.NOT_A_CANDIDATE: 16,
    LostReason.RELOCATED: 9,
    LostReason.OTHER: 10,
}

# Relative number of new leads by month and by weekday: busy before school and in the new year, quiet at weekends.
MONTHS: Final = (1.25, 1.05, 1.0, 0.95, 1.0, 1.1, 1.05, 1.3, 1.15, 0.95, 0.85, 0.6)
WEEKDAYS: Final = (1.35, 1.2, 1.15, 1.05, 0.9, 0.45, 0.4)
ON_HOLIDAYS: Final = 0.35
HOURS_ONLINE: Final = (1, 1, 0, 0, 0, 1, 2, 4, 6, 8, 8, 7, 8, 7, 6, 6, 7, 8, 9, 10, 11, 10, 6, 3)
HOURS_OF_ANSWERS: Final = (0, 0, 0, 0, 0, 0, 1, 2, 3, 3, 3, 3, 4, 3, 3, 3, 5, 16, 9, 6, 5, 3, 1, 0)

IMPORTED: Final = 0.05  # share of the leads, in one file
IMPORTED_DAYS_AGO: Final = 200
MERGED: Final = 0.02
REOPENED: Final = 0.06  # of the lost leads
OPTED_OUT: Final = 0.015


def holidays(years: range) -> set[date]:
    """Return the days on which the clinic is closed: fixed holidays, Thanksgiving and the day after."""
    closed = set()
    for year in years:
        closed |= {date(year, month, day) for month, day in ((1, 1), (6, 19), (7, 4), (12, 24), (12, 25))}
        thursdays = [day for day in (date(year, 11, n) for n in range(22, 29)) if day.weekday() == _THURSDAY]
        closed |= {thursdays[0], thursdays[0].replace(day=thursdays[0].day + 1)}
    return closed


_THURSDAY: Final = 3

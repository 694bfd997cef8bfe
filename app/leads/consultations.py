"""Consultations: the two stages that are also events of their own."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from app.automation.clinic import ClinicContext
from app.automation.events import Event, EventName
from app.leads.facts import lead_event
from app.leads.models import Lead

SCHEDULED: Final = "consultation_scheduled"
COMPLETED: Final = "consultation_completed"

EVENT_OF: Final[Mapping[str, EventName]] = {
    SCHEDULED: EventName.CONSULTATION_SCHEDULED,
    COMPLETED: EventName.CONSULTATION_COMPLETED,
}


def consultation_event(
    stage: str, lead: Lead, clinic: ClinicContext, *, at: datetime, scheduled_for: datetime | None = None
) -> Event:
    """That a consultation was scheduled, or completed, at `at`.

    Known by the consultation's date on the clinic's wall: a change of stage and an entry of the timeline that speak
    of the same consultation are one event.
    """
    day = clinic.calendar.local(scheduled_for or at).date()
    about = {"stage": stage, "scheduled_for": scheduled_for}
    return lead_event(EVENT_OF[stage], lead, at, about=about, key=day.isoformat())

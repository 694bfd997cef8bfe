"""Consultation events, for the two stages that also raise an event of their own."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from app.engine.events.events import Event, EventName
from app.identity.clinic_context import ClinicContext
from app.leads.events import LeadColumns, lead_event

SCHEDULED: Final = "consultation_scheduled"
COMPLETED: Final = "consultation_completed"

EVENT_OF: Final[Mapping[str, EventName]] = {
    SCHEDULED: EventName.CONSULTATION_SCHEDULED,
    COMPLETED: EventName.CONSULTATION_COMPLETED,
}


def consultation_event(
    stage: str, lead: LeadColumns, clinic: ClinicContext, *, at: datetime, scheduled_for: datetime | None = None
) -> Event:
    """Return the event that a consultation was scheduled or completed at `at`.

    The event's key is the time of the consultation, so a rescheduled one is a new event and is confirmed again. Without
    a time the key is the date in the clinic's time zone, so a stage change and a timeline entry give one event.
    """
    when = scheduled_for.isoformat() if scheduled_for else clinic.calendar.local(at).date().isoformat()
    about = {"stage": stage, "scheduled_for": scheduled_for}
    return lead_event(EVENT_OF[stage], lead, at, about=about, key=when)

"""Consultations: the two stages that are also events of their own."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from app.engine.events.events import Event, EventName
from app.identity.clinic_context import ClinicContext
from app.leads.facts.events import lead_event

SCHEDULED: Final = "consultation_scheduled"
COMPLETED: Final = "consultation_completed"

EVENT_OF: Final[Mapping[str, EventName]] = {
    SCHEDULED: EventName.CONSULTATION_SCHEDULED,
    COMPLETED: EventName.CONSULTATION_COMPLETED,
}


def consultation_event(
    stage: str, lead: Any, clinic: ClinicContext, *, at: datetime, scheduled_for: datetime | None = None
) -> Event:
    """That a consultation was scheduled, or completed, at `at`.

    Known by when the consultation is: at another hour it is another one, and confirmed anew. Where the hour is not
    said, by the day on the clinic's wall: a change of stage and an entry of the timeline that speak of it are one.
    """
    when = scheduled_for.isoformat() if scheduled_for else clinic.calendar.local(at).date().isoformat()
    about = {"stage": stage, "scheduled_for": scheduled_for}
    return lead_event(EVENT_OF[stage], lead, at, about=about, key=when)

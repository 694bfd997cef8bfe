"""Whether a lead may be written to just now, where it is."""

from datetime import datetime

from workers.context import StepContext


def quiet_until(context: StepContext) -> datetime | None:
    """When the quiet hours end; None outside of them, and for what the lead waits for (a confirmation)."""
    if context.params.get("transactional"):
        return None
    allowed = context.clinic.calendar.next_allowed(context.now, context.zones)
    return allowed if allowed > context.now else None

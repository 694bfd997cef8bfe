"""`send_message`: a message from the clinic to the lead."""

from app.automation.models import Reason
from workers.context import StepContext
from workers.messages import address_of_lead, to_lead
from workers.outcomes import Done, Outcome, Skip, Snooze
from workers.quiet import quiet_until


def decide(context: StepContext) -> Outcome:
    """Write the message, unless the lead does not want it, cannot get it, or sleeps."""
    if not context.may_be_written_to:
        return Skip(Reason.OPTED_OUT)
    if address_of_lead(context) is None:
        return Skip(Reason.NO_ADDRESS)
    if until := quiet_until(context):
        return Snooze(until, Reason.OUTSIDE_HOURS)
    effects = to_lead(context)
    return Done({"notification_ids": [n["id"] for n in effects.notifications]}, effects=effects)

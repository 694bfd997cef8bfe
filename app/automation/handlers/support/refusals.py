"""Refusals of providers: what they say about the recipient of a message."""

from app.automation.handlers.support.changes import LeadChange, OptOut
from app.automation.handlers.support.context import StepContext
from app.engine.outcomes import SuppressedAddress
from app.messaging.channels.registry import CHANNELS


def is_bounce(context: StepContext, response: str) -> bool:
    """Return whether the provider says that the address does not exist."""
    return CHANNELS[context.message.channel].is_bounce(response)


def suppressions(context: StepContext, response: str) -> tuple[SuppressedAddress, ...]:
    """Return the lead's address if the provider refused it for good."""
    note, for_leads = context.message, CHANNELS.for_leads(context.message.channel)
    if for_leads is None or not _is_to_lead(context) or not is_bounce(context, response):
        return ()
    address = for_leads.unreachable_as(note.address)
    return (SuppressedAddress(clinic_id=note.clinic_id, kind=for_leads.suppressed_by, address=address),)


def opt_outs(context: StepContext, response: str) -> tuple[LeadChange, ...]:
    """Return the opt-out of the lead if the provider says that it stopped the messages of this channel."""
    channel = CHANNELS[context.message.channel]
    return (OptOut(channel.name),) if _is_to_lead(context) and channel.is_opt_out(response) else ()


def _is_to_lead(context: StepContext) -> bool:
    return context.message.user_id is None and context.step.lead_id is not None

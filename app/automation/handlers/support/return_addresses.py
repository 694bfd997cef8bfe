"""Addresses for answers and bounces of a step's message."""

from app.automation.handlers.support.context import StepContext
from app.messaging.channels import email
from app.messaging.inbound import addresses
from app.messaging.inbound.addresses import NO_RETURN_ADDRESSES, ReturnAddresses


def return_addresses(context: StepContext) -> ReturnAddresses:
    """Return where answers and bounces of a message to the lead go.

    If the clinic has no inbound address, answers go to the lead's coordinator, so that they reach a person.
    """
    note, settings = context.message, context.clinic.inbound_email
    if note.user_id is not None:
        return NO_RETURN_ADDRESSES
    if settings.address and note.channel == email.CHANNEL.name:
        return addresses.return_addresses(settings.address, note.id, for_bounces=settings.takes_bounces)
    return ReturnAddresses(context.coordinator.email if context.coordinator else None)

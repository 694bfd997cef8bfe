"""Approved texts of providers, for channels that allow free texts only in a session."""

from dataclasses import replace

from app.automation.handlers.support.context import ContactContext, StepContext
from app.automation.handlers.support.messages import variant_for_lead
from app.messaging.channels.registry import CHANNELS
from app.messaging.contact_policy.checks import is_session_open
from app.messaging.rendering.variants import ProviderTemplate


def with_provider_template(context: StepContext) -> StepContext:
    """Return the context with an attempt that knows whether the step's template has an approved text."""
    if context.contact is None or CHANNELS.session(context.params["channel"]) is None:
        return context
    variant = variant_for_lead(context)
    has_one = variant is not None and variant.provider_template is not None
    attempt = replace(context.contact.attempt, has_provider_template=has_one)
    return replace(context, contact=ContactContext(attempt, context.contact.facts))


def provider_template(context: StepContext) -> ProviderTemplate | None:
    """Return the approved text of the message if no session is open, so that the provider takes no free text."""
    note, length = context.message, CHANNELS.session(context.message.channel)
    if note.provider_template is None or length is None or context.contact is None:
        return None
    is_open = is_session_open(context.contact.facts.last_inbound_at, length, context.now)
    return None if is_open else ProviderTemplate.from_json(note.provider_template)

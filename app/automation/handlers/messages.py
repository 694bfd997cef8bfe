"""Messages that steps write. They are rendered at once and stored as sent."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from app.automation.handlers.context import StepContext
from app.core.validation.language_tags import fallbacks
from app.engine.outcomes import Row
from app.leads.assignment.coordinators import ActiveUser
from app.leads.facts.template_values import lead_template_values
from app.messaging.channels.gateway_payload import MessageType
from app.messaging.channels.registry import CHANNELS
from app.messaging.compose import MessageMetadata, Recipient, compose
from app.messaging.rendering.values import MissingVariable
from app.messaging.rendering.variables import Values, message_values
from app.messaging.rendering.variants import Template, Variant, choose_variant


def to_users(context: StepContext, people: Sequence[ActiveUser]) -> tuple[Row, ...]:
    """Write the step's message to users of the clinic, on the channels it names. Raises as `write_message`."""
    channels = context.params["channels"]
    return tuple(
        row
        for person in people
        for row in context.write_message(context, Recipient(person.id, person.email), channels, user_name=person.name)
    )


def told_besides(context: StepContext, people: Sequence[ActiveUser]) -> tuple[tuple[Row, ...], Mapping[str, Any]]:
    """Write the message of a step that does more than that: a missing value stops the message only.

    Returns the messages, and what the step's outcome says of them.
    """
    try:
        messages = to_users(context, people)
    except MissingVariable as missing:
        return (), {"missing_field": missing.field}
    return messages, made_of(messages)


def to_lead(context: StepContext) -> tuple[Row, ...]:
    """Write the step's message to the lead itself, who can be reached. Raises as `write_message`."""
    to = Recipient(None, address_of_lead(context))
    return tuple(context.write_message(context, to, [context.params["channel"]]))


def made_of(messages: Sequence[Row]) -> Mapping[str, Any]:
    """Return what an outcome says of messages."""
    return {"notification_ids": [message["id"] for message in messages]}


def address_of_lead(context: StepContext) -> str | None:
    """Return where the lead is reached on the step's channel; None when it is not."""
    reach = CHANNELS.for_leads(context.params["channel"])
    return reach.destination_of(context.lead) if reach else None


def write_message(
    context: StepContext, to: Recipient, channels: Collection[str], *, user_name: str | None = None
) -> list[Row]:
    """Render the step's template for a person, on those of the channels that reach them.

    Raises LookupError, InvalidTemplate, MissingVariable, MessageTooLong.
    """
    values = values_of(context, user_name=user_name)
    return [
        row
        for name, variant in _variants(context, to, channels)
        for row in compose(
            CHANNELS[name].write(variant.wording, values),
            to,
            about=_about(context, variant),
            channels=[name],
            at=context.now,
        )
    ]


def _variants(context: StepContext, to: Recipient, channels: Collection[str]) -> list[tuple[str, Variant]]:
    """Choose the text for each channel: the lead's language, or the clinic's for its users."""
    languages = fallbacks(None if to.user_id else context.lead.language, context.clinic.language)
    return [(channel, choose_variant(_template(context).variants, channel, languages)) for channel in channels]


def _about(context: StepContext, variant: Variant) -> MessageMetadata:
    return MessageMetadata(
        context.clinic.id,
        template=context.params["template"],
        version_id=_template(context).version_id,
        variant=variant.name,
        lead_id=context.lead.id,
        task_id=context.task.id if context.task else None,
        step_id=context.step.id,
        series=context.reach.touch.series if context.reach else None,
        **_parcel(context, variant),
    )


def _parcel(context: StepContext, variant: Variant) -> dict[str, Any]:
    """Return the columns of a message through a gateway: an image or a video of the rule, or else of the text."""
    if not CHANNELS.needs_gateway(context.params.get("channel")):
        return {}
    gateway, params = context.line.gateway, context.params
    if gateway is None:
        raise LookupError(f"the clinic has no gateway {params.get('gateway', 'for messages, or more than one')!r}")
    media = variant.media if "type" not in params else None
    return {
        "gateway_id": gateway.id,
        "message_type": media.type if media else params.get("type", MessageType.TEXT),
        "media_url": media.url if media else params.get("media_url"),
    }


def _template(context: StepContext) -> Template:
    if context.template is None:
        raise LookupError(f"the clinic has no template {context.params['template']!r}")
    return context.template


def values_of(context: StepContext, *, user_name: str | None = None) -> Values:
    """Return the values for the texts of this step; `user_name` is the addressee, where that is not the lead."""
    lead, task, coordinator = context.lead, context.task, context.coordinator
    scheduled_for = context.params.get("scheduled_for")
    return message_values(
        context.clinic,
        lead=lead_template_values(lead, context.names),
        task={"title": task.title, "due_at": task.due_at} if task else None,
        coordinator_name=coordinator.name if coordinator else None,
        coordinator_email=coordinator.email if coordinator else None,
        user_name=user_name,
        scheduled_for=datetime.fromisoformat(scheduled_for) if scheduled_for else None,
    )

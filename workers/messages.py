"""Messages that steps write: rendered at once, so that what was said can be read later as it was said."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from app.core.validation.language_tags import in_order
from app.engine.outcomes import Effects, Row
from app.leads.facts.merge_fields import said_of
from app.messaging.channels.gateway_payload import MessageType
from app.messaging.channels.registry import CHANNELS
from app.messaging.compose import About, Recipient, compose, delivery_steps
from app.messaging.rendering.values import MissingVariable
from app.messaging.rendering.variables import Values, message_values
from app.messaging.rendering.variants import Template, Variant, choose
from workers.pipeline.context import Person, StepContext


def to_users(context: StepContext, people: Sequence[Person]) -> Effects:
    """The step's message to people of the clinic, on the channels it names."""
    channels = context.params["channels"]
    rows = [
        row
        for person in people
        for row in _compose(context, Recipient(person.id, person.email), channels, user_name=person.name)
    ]
    return _with_deliveries(context, rows)


def told_besides(context: StepContext, people: Sequence[Person]) -> tuple[Effects, Mapping[str, Any]]:
    """For steps that do more than tell people of it: what they do besides is done, also where a value is missing.

    Returns the message's effects, and what the step says of it.
    """
    try:
        effects = to_users(context, people)
    except MissingVariable as missing:
        return Effects(), {"missing_field": missing.field}
    return effects, {"notification_ids": [row["id"] for row in effects.notifications]}


def to_lead(context: StepContext) -> Effects:
    """The step's message to the lead itself, who can be reached."""
    return _with_deliveries(
        context, _compose(context, Recipient(None, address_of_lead(context)), [context.params["channel"]])
    )


def address_of_lead(context: StepContext) -> str | None:
    """Return where the lead is reached on the step's channel; None when it is not."""
    reach = CHANNELS.for_leads(context.params["channel"])
    return reach.destination_of(context.lead) if reach else None


def _compose(
    context: StepContext, to: Recipient, channels: Collection[str], *, user_name: str | None = None
) -> list[Row]:
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
    """Return the text to send on each channel: people of the clinic are told in its own language."""
    languages = in_order(None if to.user_id else context.lead.language, context.clinic.language)
    return [(channel, choose(_template(context).variants, channel, languages)) for channel in channels]


def _about(context: StepContext, variant: Variant) -> About:
    return About(
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
    """What a message through a gateway has beyond its text: an image or a video, the rule's or else the text's own."""
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
    """What a text of this step may say; `user_name` is whom it goes to, when that is not the lead."""
    lead, task, coordinator = context.lead, context.task, context.coordinator
    scheduled_for = context.params.get("scheduled_for")
    return message_values(
        context.clinic,
        lead=said_of(lead, context.names),
        task={"title": task.title, "due_at": task.due_at} if task else None,
        coordinator_name=coordinator.name if coordinator else None,
        coordinator_email=coordinator.email if coordinator else None,
        user_name=user_name,
        scheduled_for=datetime.fromisoformat(scheduled_for) if scheduled_for else None,
    )


def _with_deliveries(context: StepContext, rows: list[dict[str, Any]]) -> Effects:
    step = context.step
    origin = {"stop_on": step.stop_on, "guard": step.guard, "transactional": step.params.get("transactional")}
    return Effects(
        notifications=tuple(rows), steps=tuple(delivery_steps(rows, due_at=context.now, origins={step.id: origin}))
    )

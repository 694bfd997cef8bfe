"""Messages that steps write: rendered at once, so that what was said can be read later as it was said."""

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from app.notifications.channels.parcel import MessageType
from app.notifications.models import Channel
from app.notifications.templates import Wording, render
from app.notifications.variables import Values, message_values
from app.notifications.writing import About, Recipient, compose, delivery_steps
from workers.context import Person, StepContext
from workers.outcomes import Effects, Row


def to_users(context: StepContext, people: Sequence[Person]) -> Effects:
    """The step's message to people of the clinic, on the channels it names."""
    channels = context.params["channels"]
    rows = [
        row
        for person in people
        for row in _compose(context, Recipient(person.id, person.email), channels, user_name=person.name)
    ]
    return _with_deliveries(context, rows)


def to_lead(context: StepContext) -> Effects:
    """The step's message to the lead itself, who can be reached."""
    return _with_deliveries(
        context, _compose(context, Recipient(None, address_of_lead(context)), [context.params["channel"]])
    )


def address_of_lead(context: StepContext) -> str | None:
    """How the lead is reached on the step's channel; None when it is not."""
    lead = context.lead
    if context.params["channel"] != Channel.HTTP:
        return lead.email  # type: ignore[no-any-return]
    social = {"platform": lead.social_platform, "handle": lead.social_handle} if lead.social_handle else None
    reach = {"phone": lead.phone, "social": social}
    return json.dumps(reach) if any(reach.values()) else None


def _compose(
    context: StepContext, to: Recipient, channels: Collection[str], *, user_name: str | None = None
) -> list[Row]:
    slug = context.params["template"]
    about = About(
        context.clinic.id,
        template=slug,
        lead_id=context.lead.id,
        task_id=context.task.id if context.task else None,
        step_id=context.step.id,
        **_parcel(context),
    )
    wording = render(_template(context), _values(context, user_name))
    return compose(wording, to, about=about, channels=channels, at=context.now)


def _parcel(context: StepContext) -> dict[str, Any]:
    """What a message through a gateway has beyond its text."""
    if context.params.get("channel") != Channel.HTTP:
        return {}
    gateway, params = context.line.gateway, context.params
    if gateway is None:
        raise LookupError(f"the clinic has no gateway {params.get('gateway', 'for messages, or more than one')!r}")
    return {
        "gateway_id": gateway.id,
        "message_type": params.get("type", MessageType.TEXT),
        "media_url": params.get("media_url"),
    }


def _template(context: StepContext) -> Wording:
    if context.template is None:
        raise LookupError(f"the clinic has no template {context.params['template']!r}")
    return context.template


def _values(context: StepContext, user_name: str | None) -> Values:
    lead, task, coordinator = context.lead, context.task, context.coordinator
    scheduled_for = context.params.get("scheduled_for")
    return message_values(
        context.clinic,
        lead={name: getattr(lead, name) for name in ("first_name", "last_name", "patient_first_name")},
        task={"title": task.title, "due_at": task.due_at} if task else None,
        coordinator_name=coordinator.name if coordinator else None,
        user_name=user_name,
        scheduled_for=datetime.fromisoformat(scheduled_for) if scheduled_for else None,
    )


def _with_deliveries(context: StepContext, rows: list[dict[str, Any]]) -> Effects:
    step = context.step
    origin = {"stop_on": step.stop_on, "guard": step.guard, "transactional": step.params.get("transactional")}
    return Effects(
        notifications=tuple(rows), steps=tuple(delivery_steps(rows, due_at=context.now, origins={step.id: origin}))
    )

"""Messages of steps: rendered when the step runs, and stored as they will be sent."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from app.automation.handlers.support.context import StepContext
from app.core.type_aliases import ColumnDict, JsonObject
from app.core.validation.language_tags import fallbacks
from app.engine.models import Kind
from app.engine.outcomes import Row
from app.identity.users.lookup import ActiveUser
from app.leads.facts.template_values import lead_template_values
from app.messaging.channels.gateway_payload import MessageType
from app.messaging.channels.registry import CHANNELS
from app.messaging.compose import MessageMetadata, Recipient, compose_routes
from app.messaging.rendering.render import Wording, render
from app.messaging.rendering.values import MissingVariable
from app.messaging.rendering.variables import Values, message_values
from app.messaging.rendering.variants import Template, Variant, choose_variant
from app.messaging.user_preferences.kinds import NoticeKind
from app.messaging.user_preferences.routes import DEFAULT_SETTINGS, Route, routes_of

NOTICE_KINDS: Final[Mapping[str, NoticeKind]] = {
    Kind.REMIND: NoticeKind.REMINDER,
    Kind.ESCALATE: NoticeKind.ESCALATION,
    Kind.SUGGEST_LOST: NoticeKind.LOST_SUGGESTION,
}  # by kind of step; of other steps: `rule`


def to_users(context: StepContext, people: Sequence[ActiveUser]) -> tuple[Row, ...]:
    """Write the step's message to these users, on the channels that it names. Raises as `write_message`."""
    channels = dict.fromkeys(context.params["channels"])  # one message on each, even if a rule names one twice
    return tuple(
        row
        for person in people
        for row in context.write_message(context, _recipient(context, person), channels, user_name=person.name)
    )


def _recipient(context: StepContext, person: ActiveUser) -> Recipient:
    return Recipient(person.id, person.email, context.notice_settings.get(person.id, DEFAULT_SETTINGS))


def to_users_if_complete(context: StepContext, people: Sequence[ActiveUser]) -> tuple[tuple[Row, ...], JsonObject]:
    """Write the message of a step that also does something else. A missing value stops only the message.

    Returns the messages, and their part of the step's outcome: `notification_ids` or `missing_field`.
    """
    try:
        messages = to_users(context, people)
    except MissingVariable as missing:
        return (), {"missing_field": missing.field}
    return messages, notification_ids(messages)


def to_lead(context: StepContext) -> tuple[Row, ...]:
    """Write the step's message to the lead, on the step's channel. Raises as `write_message`."""
    to = Recipient(None, address_of_lead(context))
    return tuple(context.write_message(context, to, [context.params["channel"]]))


def notification_ids(messages: Sequence[Row]) -> JsonObject:
    """Return the messages' part of an outcome: `{"notification_ids": [...]}`."""
    return {"notification_ids": [message["id"] for message in messages]}


def address_of_lead(context: StepContext) -> str | None:
    """Return the lead's address for the step's channel; None if it has none."""
    for_leads = CHANNELS.for_leads(context.params["channel"])
    return for_leads.destination_of(context.lead) if for_leads else None


def write_message(
    context: StepContext, to: Recipient, channels: Collection[str], *, user_name: str | None = None
) -> list[Row]:
    """Render the step's template for a recipient. Returns a row of `notifications` per route that reaches them.

    Raises LookupError (when the template or gateway is missing), InvalidTemplate, MissingVariable, MessageTooLong.
    """
    values = values_of(context, user_name=user_name)
    notice = NOTICE_KINDS.get(context.step.kind, NoticeKind.RULE) if to.user_id else None
    return [
        row
        for route, variant in _variants(context, to, routes_of(notice, channels, to.settings))
        for row in compose_routes(
            CHANNELS[route.channel].write(variant.wording, values),
            to,
            metadata=_metadata(context, variant, approved=_provider_template(route.channel, variant, values)),
            routes=[route],
            at=context.now,
        )
    ]


def _variants(context: StepContext, to: Recipient, routes: Sequence[Route]) -> list[tuple[Route, Variant]]:
    """Choose the text for each channel: in the lead's language, or in the clinic's language for users."""
    languages = fallbacks(None if to.user_id else context.lead.language, context.clinic.language)
    return [(route, choose_variant(_template(context).variants, route.channel, languages)) for route in routes]


def variant_for_lead(context: StepContext) -> Variant | None:
    """Return the text of the step's template for its lead; None without a template."""
    if context.template is None:
        return None
    [(_, variant)] = _variants(context, Recipient(None, None), [Route(context.params["channel"])])
    return variant


def _provider_template(channel: str, variant: Variant, values: Values) -> JsonObject | None:
    """Return the approved text for the provider, with its values rendered. Raises as `write_message`."""
    approved = variant.provider_template
    if approved is None or CHANNELS.session(channel) is None:
        return None
    rendered = tuple(render(Wording("", text), values).body for text in approved.parameters)
    return approved._replace(parameters=rendered).to_json()


def _metadata(context: StepContext, variant: Variant, *, approved: JsonObject | None) -> MessageMetadata:
    return MessageMetadata(
        context.clinic.id,
        template=context.params["template"],
        version_id=_template(context).version_id,
        variant=variant.name,
        lead_id=context.lead.id,
        task_id=context.task.id if context.task else None,
        step_id=context.step.id,
        series=context.contact.attempt.series if context.contact else None,
        provider_template=approved,
        account_name=variant.account,
        **_media_columns(context, variant),
        **_gateway_columns(context),
    )


def _media_columns(context: StepContext, variant: Variant) -> ColumnDict:
    """Return the columns of a message with a file. The rule's file takes precedence over the template's."""
    params = context.params
    if not CHANNELS.media_types(params.get("channel")):
        return {}
    media = variant.media if "type" not in params else None
    return {
        "message_type": media.type if media else params.get("type", MessageType.TEXT),
        "media_url": media.url if media else params.get("media_url"),
    }


def _gateway_columns(context: StepContext) -> ColumnDict:
    if not CHANNELS.needs_gateway(context.params.get("channel")):
        return {}
    gateway = context.gateway_context.gateway
    if gateway is None:
        raise LookupError("the clinic has no gateway for this message")  # `send_message` waits before this
    return {"gateway_id": gateway.id}


def _template(context: StepContext) -> Template:
    if context.template is None:
        raise LookupError(f"the clinic has no template {context.params['template']!r}")
    return context.template


def values_of(context: StepContext, *, user_name: str | None = None) -> Values:
    """Return the template values of this step. `user_name`: the recipient, if it is a user."""
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

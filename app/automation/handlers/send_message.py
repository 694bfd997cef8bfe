"""`send_message`: a message from the clinic to the lead."""

from app.engine.outcomes import Done, Outcome, Skip, Snooze
from app.messaging.channels.registry import CHANNELS, UnknownChannel
from app.messaging.contact_policy.gate import Allow, Never, Until
from workers.messages import to_lead
from workers.pipeline.context import StepContext


def decide(context: StepContext) -> Outcome:
    """Write the message, if the gate lets it through."""
    if context.params["channel"] not in CHANNELS:
        raise UnknownChannel(context.params["channel"])  # the gate would only say that the lead has no such address
    match context.verdict():
        case Never(reason):
            return Skip(reason)
        case Until(instant, reason):
            return Snooze(instant, reason)
        case Allow():
            effects = to_lead(context)
            return Done({"notification_ids": [n["id"] for n in effects.notifications]}, effects=effects)

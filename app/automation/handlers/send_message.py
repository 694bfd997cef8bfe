"""`send_message`: a message from the clinic to the lead."""

from app.automation.handlers.context import StepContext
from app.automation.handlers.messages import made_of, to_lead
from app.automation.language.docs.sentences import plain
from app.engine.outcomes import Done, Effects, Outcome, Skip, Snooze
from app.engine.step_kind import Details, Settings, StepKind, Words
from app.messaging.channels.registry import CHANNELS, UnknownChannel
from app.messaging.contact_policy.gate import Allow, Never, Until


def decide(context: StepContext) -> Outcome:
    """Write the message, if the contact policy allows it."""
    if context.params["channel"] not in CHANNELS:
        raise UnknownChannel(context.params["channel"])  # the gate would only say that the lead has no such address
    match context.verdict():
        case Never(reason):
            return Skip(reason)
        case Until(instant, reason):
            return Snooze(instant, reason)
        case Allow():
            messages = to_lead(context)
            return Done(made_of(messages), effects=Effects(notifications=messages))


def _details(context: StepContext, _: Done) -> Details:
    return {name: context.params[name] for name in ("channel", "template")}


def _sentence(message: Settings) -> str:
    way = "E-mail" if message["channel"] == "email" else "Message"
    texts = [one["template"] for one in message.get("variants", ())] or [message["template"]]
    return f"{way} to the lead: {' or '.join(map(plain, texts))}"


KIND = StepKind(
    name="send_message",
    decide=decide,
    details=_details,
    writes_to_lead=True,
    words=Words(
        _sentence,
        about=(
            "A message to the lead, by `email`, or `http`: a gateway."
            " `transactional: true` passes quiet hours and caps."
        ),
        example="{channel: email, template: hello}",
    ),
)

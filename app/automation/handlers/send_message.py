"""`send_message`: a message from the clinic to the lead."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field

from app.automation.handlers.support.context import StepContext
from app.automation.handlers.support.guard import put_off
from app.automation.handlers.support.messages import notification_ids, to_lead, variant_for_lead
from app.automation.handlers.support.missing_gateway import wait_for_account, wait_for_gateway
from app.automation.handlers.support.provider_templates import with_provider_template
from app.automation.language.base import Maybe
from app.automation.language.docs.sentences import plain
from app.automation.language.params import AccountSlug, GatewaySlug, Params, TemplateSlug
from app.automation.language.sequences import Variant
from app.automation.language.types.containers import Items
from app.automation.language.types.errors import Line, problem
from app.automation.language.types.part_names import repeated
from app.automation.language.types.primitives import OneOf, RegisteredName, Truth, about
from app.automation.sequences.facts import UnsentMessage
from app.core.http_client.targets import NotAllowed, parse_target
from app.core.type_aliases import JsonObject
from app.core.validation.validation_errors import not_known
from app.engine.models import Reason
from app.engine.outcomes import Done, Effects, Outcome, Skip, Snooze
from app.engine.step_kind import Details, Settings, StepKind
from app.engine.steps.waiting import settled
from app.messaging.channels.gateway_payload import MessageType
from app.messaging.channels.registry import CHANNELS, UnknownChannel
from app.messaging.contact_policy.gate import Allow, Never, Until
from app.messaging.rendering.variants import MediaType
from app.messaging.sending_accounts.kinds import may_use_account

MEDIA: Final = ("type", "media_url")  # settings for channels that send files
MOST_VARIANTS: Final = 10
SHORTEST_WAIT: Final = timedelta(seconds=5)  # for an earlier message of the enrollment


def _https(url: object) -> str:
    try:
        is_https = parse_target(str(url)).scheme == "https"
    except NotAllowed as refusal:
        raise problem(str(refusal)) from None
    if not is_https:
        raise problem("must begin with https://")
    return str(url)


class SendMessage(Params):
    """Send a message to the lead, by e-mail or through a gateway. Contact policy may delay or stop it."""

    example: ClassVar[object] = {"channel": "email", "template": "hello"}

    channel: Annotated[str, RegisteredName(CHANNELS.names_for_leads)] = Field(
        description="A channel that reaches leads.", examples=["email"]
    )
    template: TemplateSlug
    transactional: Truth = Field(default=False, description="Pass quiet hours and caps.", examples=[True])
    type: Annotated[MessageType, OneOf()] = Field(
        default=MessageType.TEXT,
        description="The type of message, for `http`, `sms` and `whatsapp`.",
        examples=["image"],
    )
    media_url: Maybe[Annotated[str, BeforeValidator(_https), about("An https address.")]] = Field(
        default=None, description="The address of the file.", examples=["https://clinic.example/smile.png"]
    )
    gateway: Maybe[GatewaySlug] = None
    account: Maybe[AccountSlug] = None

    @classmethod
    def conflicts(cls, given: JsonObject) -> Iterator[Line]:
        """Yield the settings that do not fit the channel or the type."""
        channel = given.get("channel")
        unused: tuple[str, ...] = () if CHANNELS.media_types(channel) else MEDIA
        unused += () if CHANNELS.needs_gateway(channel) else ("gateway",)
        unused += () if may_use_account(channel) else ("account",)
        allowed = [key for key in cls.parts() if key not in unused]
        yield from (Line((key,), not_known(key, allowed)) for key in unused if key in given)
        if MEDIA[0] in unused:
            return
        kind = given.get("type", MessageType.TEXT)
        if ("media_url" in given) != (kind != MessageType.TEXT):
            yield Line(("media_url",), "goes with an image, a video or a document, and only with those")
        if kind in {*MediaType} - CHANNELS.media_types(channel):
            yield Line(("type",), f"{channel} sends no {kind}")


class SequenceMessage(SendMessage):
    """Send a message to the lead, with one template or one of several variants."""

    example: ClassVar[object] = {"channel": "email", "template": "hello"}

    template: Maybe[TemplateSlug] = None  # type: ignore[assignment]
    variants: Maybe[
        Annotated[list[Variant], Items(f"must be a list of 2 to {MOST_VARIANTS} variants", most=MOST_VARIANTS, least=2)]
    ] = Field(
        default=None,
        description="Templates to choose from; an enrollment always gets the same one.",
        examples=[[Variant.example, {"name": "B", "template": "other"}]],
    )
    winner: Maybe[Annotated[Literal["replied", "converted", "clicked", "opened"], OneOf()]] = Field(
        default=None,
        description=(
            "Publish the best variant automatically, as a new version with a note, once it is better than each other"
            " one in this measure. Unless given, a user decides."
        ),
        examples=["replied"],
    )

    @classmethod
    def conflicts(cls, given: JsonObject) -> Iterator[Line]:
        """Yield a mistake where not exactly one of `template` and `variants` is given, and for repeated names."""
        yield from super().conflicts(given)
        if "variants" not in given and "template" not in given:
            yield Line(("template",), "is missing")
        if "variants" in given and "template" in given:
            yield Line(("template",), "and variants exclude each other: each variant has its own")
        if "winner" in given and "variants" not in given:
            yield Line(("winner",), "needs variants")
        yield from repeated(given.get("variants"), "variants", "variant")


def decide(context: StepContext) -> Outcome:
    """Write the message, if the contact policy allows it and the enrollment's earlier messages are settled."""
    if context.params["channel"] not in CHANNELS:
        raise UnknownChannel(context.params["channel"])  # the contact policy would report a missing address
    if CHANNELS.needs_gateway(context.params["channel"]) and (missing := wait_for_gateway(context)):
        return missing
    if (without_account := wait_for_account(context)) and not _names_account(context):
        return without_account
    if context.unsent is not None:
        return _wait_for_previous(context, context.unsent)
    match with_provider_template(context).verdict():
        case Never(reason):
            return Skip(reason)
        case Until() as refusal:
            return put_off(context, refusal)
        case Allow():
            messages = to_lead(context)
            return Done(notification_ids(messages), effects=Effects(notifications=messages))


def _names_account(context: StepContext) -> bool:
    """Return whether the template names the account, and not the step. Its delivery waits if there is none."""
    variant = None if context.params.get("account") else variant_for_lead(context)
    return variant is not None and variant.account is not None


def _wait_for_previous(context: StepContext, previous: UnsentMessage) -> Snooze:
    """Wait for the earlier message; at the latest, until shortly after its next try."""
    until = max(context.now, previous.next_try) + SHORTEST_WAIT
    return Snooze(until, Reason.PREVIOUS_MESSAGE, waits_for=settled(previous.id))


def _details(context: StepContext, _: Done) -> Details:
    return {name: context.params[name] for name in ("channel", "template")}


def _sentence(message: Settings) -> str:
    way = "E-mail" if message["channel"] == "email" else "Message"
    texts = [one["template"] for one in message.get("variants", ())] or [message["template"]]
    return f"{way} to the lead: {' or '.join(map(plain, texts))}"


KIND = StepKind(
    name="send_message",
    decide=decide,
    params=SendMessage,
    sequence_params=SequenceMessage,
    details=_details,
    writes_to_lead=True,
    sentence=_sentence,
)

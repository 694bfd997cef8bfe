"""Channel description, outgoing message and receipt. A failed delivery is a receipt, not an exception."""

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar, Final, Protocol, TypeAlias
from uuid import UUID

from app.messaging.channels.account import Account
from app.messaging.channels.gateway_payload import GatewayPayload
from app.messaging.models import AddressKind
from app.messaging.rendering.attachment import Attachment
from app.messaging.rendering.render import DEFAULT_LIMITS, Limits, Wording, render
from app.messaging.rendering.safe_text import one_line
from app.messaging.rendering.values import Placeholder
from app.messaging.rendering.variables import Values
from app.messaging.rendering.variants import Media, MediaType, ProviderTemplate

MAX_RESPONSE_LENGTH = 500


class Outcome(StrEnum):
    """Outcome of a delivery attempt."""

    SENT = "sent"  # accepted by the provider
    TRANSIENT = "transient"  # not accepted; another attempt may succeed
    PERMANENT = "permanent"  # refused; another attempt would be refused too
    UNKNOWN = "unknown"  # handed over without an answer: it may have been accepted


@dataclass(frozen=True, slots=True)
class _ReceiptText:
    """The provider's response in one line of at most 500 characters."""

    response: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "response", one_line(self.response)[:MAX_RESPONSE_LENGTH])


class Sent(_ReceiptText):
    """The provider accepted the message."""

    outcome: ClassVar[Outcome] = Outcome.SENT


@dataclass(frozen=True, slots=True)
class Transient(_ReceiptText):
    """The provider did not accept the message now; another attempt may succeed."""

    wait: timedelta | None = None  # the shortest wait before the next attempt, if the provider asks for one
    is_outage: bool = field(default=False, compare=False)  # the provider takes no message at all, whoever gets it
    outcome: ClassVar[Outcome] = Outcome.TRANSIENT


@dataclass(frozen=True, slots=True)
class Permanent(_ReceiptText):
    """The provider refused the message; another attempt would be refused too."""

    is_gone: bool = field(default=False, compare=False)  # the destination does not exist any more
    outcome: ClassVar[Outcome] = Outcome.PERMANENT


class Unknown(_ReceiptText):
    """The message was handed over and no answer came. It may have been accepted."""

    outcome: ClassVar[Outcome] = Outcome.UNKNOWN


Receipt: TypeAlias = Sent | Transient | Permanent | Unknown


@dataclass(frozen=True, slots=True)
class Destination:
    """A place where a user gets notices: the URL, and for `web_push` the keys of the subscription."""

    url: str = field(repr=False)
    _: KW_ONLY
    p256dh: str | None = field(default=None, repr=False)
    auth: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One message to one address, as a channel sends it."""

    address: str | None
    subject: str
    body: str
    _: KW_ONLY
    message_id: str | None
    sender_name: str = ""  # the clinic's name; replaces the name in MAIL_FROM unless it is empty
    sender_address: str | None = None  # in `From`, such as the coordinator's; None: that of the account, or MAIL_FROM
    gateway_payload: GatewayPayload | None = None  # for a gateway: endpoint, type and media
    account: Account | None = None  # the clinic's sending account; None: the server of this installation
    reply_to: str | None = None  # the address for replies; None: MAIL_FROM
    return_path: str | None = None  # the envelope's sender, which gets bounces; None: the address in MAIL_FROM
    headers: Mapping[str, str] = field(default_factory=dict)  # further mail headers, such as `In-Reply-To`
    provider_template: ProviderTemplate | None = None  # sent instead of the body
    media: Media | None = None  # sent with the body, without a gateway
    destination: Destination | None = None  # of a channel with destinations
    link: str | None = None  # of the lead that a notice is about
    html: str | None = None  # the same text as HTML, sent beside the plain text; None: only plain text
    attachments: tuple[Attachment, ...] = ()  # files; only e-mail has them


class TextPart(StrEnum):
    """A part of a template's text."""

    SUBJECT = "subject"
    BODY = "body"
    MEDIA = "media"  # the URL of an image, a video or a document


class LeadContact(Protocol):
    """The contact columns of a lead: of a `Lead` or of a row with them."""

    @property
    def email(self) -> str | None: ...
    @property
    def phone(self) -> str | None: ...
    @property
    def social_platform(self) -> str | None: ...
    @property
    def social_handle(self) -> str | None: ...


class Renderer(Protocol):
    """The signature of `app.messaging.rendering.render.render`. A channel may bring its own function."""

    def __call__(
        self, template: Wording, values: Values, *, limits: Limits = ..., placeholder: Placeholder | None = None
    ) -> Wording: ...


@dataclass(frozen=True, slots=True)
class ForUsers:
    """How a channel reaches users.

    `address` returns a user's address on the channel from their id and e-mail address, None where they have none.
    Without the function, the id is the address: every user is reached. `has_destinations`: users are reached at the
    destinations that they register, each on a server of its own.
    """

    address: Callable[[UUID, str | None], str | None] | None = None
    has_destinations: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ForLeads:
    """How a channel reaches leads.

    `address` returns a lead's address as the contact policy and the suppression list know it. None means that there is
    none: the message is skipped with `no_address`. `suppressed_by` is the kind of address that is looked up in the
    suppression list, and that an opt-out of the channel adds to it. `destination` returns what `send` gets, if that is
    more than the address. `is_valid` returns whether an address can be written to at all. `unreachable_as` returns what
    the suppression list gets for an address that the channel cannot reach, if other channels may still reach it.
    """

    address: Callable[[LeadContact], str | None]
    suppressed_by: AddressKind
    destination: Callable[[LeadContact], str | None] | None = None
    is_valid: Callable[[str | None], bool] = lambda _: True
    unreachable_as: Callable[[str], str] = lambda address: address

    def destination_of(self, lead: LeadContact) -> str | None:
        """Return what is stored with a message to the lead and passed to `send`; None: the lead is not reached."""
        return (self.destination or self.address)(lead)

    def checked_address(self, lead: LeadContact, written_to: str | None) -> str | None:
        """Return the address that the gate checks for a message with the destination `written_to`."""
        return self.address(lead) if self.destination else written_to


def outcome_unknown(_: OutgoingMessage, error: str) -> Receipt:
    """Return Unknown. For channels without idempotency keys: the message may have arrived, so it is not repeated."""
    return Unknown(error)


SUBJECT_AND_BODY: Final = frozenset({TextPart.SUBJECT, TextPart.BODY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A channel: its name, its capabilities and its functions.

    name: stored with messages, templates and opt-outs, and used by the API and the rules; it never changes.
    label: the words for it in a sentence, such as `by e-mail`.
    send: make one delivery attempt. No transaction is open meanwhile. It returns a receipt for every error of the
        provider, the network or the settings, and raises none of them. It reads its settings from `app.config` when it
        is called.
    for_users, for_leads: how the channel reaches them; None: it does not.
    parts: the parts of its texts. A text for a channel without a subject may leave it out.
    media: the types of files that it sends, if MEDIA is one of the parts.
    limits: the longest subject and body, in characters. A longer subject is shortened; a longer body is refused.
    render: makes the message from a template's text.
    needs_gateway: a gateway of the clinic accepts the messages, may limit their number per hour, and reports which ones
        are delivered, opened and clicked. Rules may name the gateway and an image or a video.
    needs_account: messages go through a sending account of the clinic (`OutgoingMessage.account`). Without one they
        wait. A channel without the flag uses an account if the clinic has one for it, such as its own mail server.
    unsubscribes_by_link: its commercial messages to leads end with the link to the preference page, and have the
        headers of RFC 8058.
    is_sent_when_written: the row in `notifications` is the message; `send` is never called.
    message_id: makes the id that the provider and the recipient see, from the notification's id. It is the same at each
        attempt, so that copies are recognised.
    interrupted: returns the receipt for an attempt that was interrupted, from the error's text. Return Transient only
        if the provider accepts `message_id` as an idempotency key.
    is_bounce: returns whether a provider's refusal says that the address does not exist.
    is_opt_out: returns whether a provider's refusal says that the recipient stopped the messages of this channel.
    session: a message of the lead allows free texts for so long; without one, the provider takes only approved texts.
        None: free texts are always allowed.
    probe: asks the provider whether it takes messages, without sending one, and returns why not; None: it does. It
        gets the longest time in seconds. No transaction is open meanwhile. Without it, the next message is the probe.
    probe_account: the same for a sending account of a clinic.
    """

    name: str
    label: str
    send: Callable[[OutgoingMessage], Receipt]
    for_users: ForUsers | None = None
    for_leads: ForLeads | None = None
    parts: frozenset[TextPart] = SUBJECT_AND_BODY
    media: frozenset[MediaType] = frozenset()
    limits: Limits = DEFAULT_LIMITS
    render: Renderer = render
    needs_gateway: bool = False
    needs_account: bool = False
    unsubscribes_by_link: bool = False
    is_sent_when_written: bool = False
    message_id: Callable[[UUID], str | None] = lambda _: None
    interrupted: Callable[[OutgoingMessage, str], Receipt] = outcome_unknown
    is_bounce: Callable[[str], bool] = lambda _: False
    is_opt_out: Callable[[str], bool] = lambda _: False
    session: timedelta | None = None
    probe: Callable[[float], str | None] = lambda _: None
    probe_account: Callable[[Account, float], str | None] = lambda _, __: None

    @property
    def has_destinations(self) -> bool:
        """Whether it reaches users at destinations that they register."""
        return self.for_users is not None and self.for_users.has_destinations

    def write(self, template: Wording, values: Values, *, placeholder: Placeholder | None = None) -> Wording:
        """Return the message that a template's text makes on this channel.

        Raises InvalidTemplate, MissingVariable, MessageTooLong (see `app.messaging.rendering.render.render`).
        """
        return self.render(template, values, limits=self.limits, placeholder=placeholder)

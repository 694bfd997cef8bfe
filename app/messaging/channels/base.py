"""The description of a channel, the message that it takes and the receipt that it gives. A failure is no exception."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar, Final, Protocol, TypeAlias
from uuid import UUID

from app.messaging.channels.gateway_payload import Parcel
from app.messaging.models import Way
from app.messaging.rendering.render import DEFAULT_LIMITS, Limits, Wording, render
from app.messaging.rendering.safe_text import one_line
from app.messaging.rendering.values import Gap
from app.messaging.rendering.variables import Values

LONGEST_RESPONSE = 500


class Outcome(StrEnum):
    SENT = "sent"  # the provider has taken it
    TRANSIENT = "transient"  # not taken, and another try may do better
    PERMANENT = "permanent"  # refused; the same again would be refused again
    UNKNOWN = "unknown"  # handed over, but no answer came: it may be on its way


@dataclass(frozen=True, slots=True)
class _Answer:
    """How an attempt ended, in the provider's own words (one line, at most 500 characters)."""

    response: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "response", one_line(self.response)[:LONGEST_RESPONSE])


class Sent(_Answer):
    outcome: ClassVar[Outcome] = Outcome.SENT


@dataclass(frozen=True, slots=True)
class Transient(_Answer):
    wait: timedelta | None = None  # how long, at least, as the provider asks
    outcome: ClassVar[Outcome] = Outcome.TRANSIENT


class Permanent(_Answer):
    outcome: ClassVar[Outcome] = Outcome.PERMANENT


class Unknown(_Answer):
    outcome: ClassVar[Outcome] = Outcome.UNKNOWN


Receipt: TypeAlias = Sent | Transient | Permanent | Unknown


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One message to one address."""

    address: str | None
    subject: str
    body: str
    _: KW_ONLY
    message_id: str | None
    sender_name: str = ""  # shown instead of the name in MAIL_FROM, when there is one: the clinic's
    parcel: Parcel | None = None  # what a gateway is told beyond that
    reply_to: str | None = None  # where an answer goes, when not to MAIL_FROM: to the coordinator


class TextPart(StrEnum):
    SUBJECT = "subject"
    BODY = "body"
    MEDIA = "media"  # an image or a video, by its address


class LeadContact(Protocol):
    """The columns of a lead that say how to reach it: of a `Lead`, or of a row with them."""

    @property
    def email(self) -> str | None: ...
    @property
    def phone(self) -> str | None: ...
    @property
    def social_platform(self) -> str | None: ...
    @property
    def social_handle(self) -> str | None: ...


class Renderer(Protocol):
    """The signature of `templates.render`, which renders for a channel unless it brings a function of its own."""

    def __call__(
        self, template: Wording, values: Values, *, limits: Limits = ..., gap: Gap | None = None
    ) -> Wording: ...


@dataclass(frozen=True, slots=True)
class ForUsers:
    """How a channel reaches users.

    `address` returns a user's address on the channel from their id and their e-mail address, None where they have none.
    Without the function, the id is the address: every user is reached.
    """

    address: Callable[[UUID, str | None], str | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForLeads:
    """How a channel reaches leads.

    `address` returns a lead's address as the contact policy and the suppression list know it, None where there is none:
    then the message is skipped with `no_address`. `suppressed_by` names the list of addresses that it is looked up in,
    and that an opt-out of the channel adds the lead's addresses to. `destination` returns what `send` gets instead of
    the address, where that is more. `is_valid` says whether an address can be written to at all.
    """

    address: Callable[[LeadContact], str | None]
    suppressed_by: Way
    destination: Callable[[LeadContact], str | None] | None = None
    is_valid: Callable[[str | None], bool] = lambda _: True

    def destination_of(self, lead: LeadContact) -> str | None:
        """Return what is stored with a message to the lead and handed to `send`; None: the lead is not reached."""
        return (self.destination or self.address)(lead)

    def checked_address(self, lead: LeadContact, written_to: str | None) -> str | None:
        """Return the address that the gate checks, for a message written to the destination `written_to`."""
        return self.address(lead) if self.destination else written_to


def outcome_unknown(_: OutgoingMessage, error: str) -> Receipt:
    """Return the receipt of a channel without idempotency keys: the message may have arrived, so it is not repeated."""
    return Unknown(error)


SUBJECT_AND_BODY: Final = frozenset({TextPart.SUBJECT, TextPart.BODY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """Everything that the rest of the code asks of a channel.

    name: stored with messages, templates and opt-outs, and used by the API and the rules; it never changes.
    label: the words for it in a sentence, such as `by e-mail`.
    send: hand one message to the provider, once. No transaction is open meanwhile. It raises nothing that the provider,
        the network or the settings could be the cause of. It reads its settings from `app.config` when it is called.
    for_users, for_leads: how the channel reaches them; None: it does not.
    parts: the parts of its own texts. A text for a channel without a subject may leave it out.
    limits: the longest subject and body, in characters. A longer subject is shortened; a longer body is refused.
    render: makes the message from a template's text.
    needs_gateway: a gateway of the clinic takes the messages, may limit their number per hour, and reports what is
        delivered, opened and clicked. Rules may name the gateway and an image or a video.
    is_sent_when_written: the row in `notifications` is the message; `send` is never called.
    message_id: makes the id that the provider and the recipient see, from the notification's id. It is the same at each
        try, so that a copy can be recognised.
    interrupted: the receipt for a try that broke off without an answer, from the error's text. Return Transient only if
        the provider accepts `message_id` as an idempotency key.
    is_bounce: whether a provider's refusal says that there is no such address.
    """

    name: str
    label: str
    send: Callable[[OutgoingMessage], Receipt]
    for_users: ForUsers | None = None
    for_leads: ForLeads | None = None
    parts: frozenset[TextPart] = SUBJECT_AND_BODY
    limits: Limits = DEFAULT_LIMITS
    render: Renderer = render
    needs_gateway: bool = False
    is_sent_when_written: bool = False
    message_id: Callable[[UUID], str | None] = lambda _: None
    interrupted: Callable[[OutgoingMessage, str], Receipt] = outcome_unknown
    is_bounce: Callable[[str], bool] = lambda _: False

    def write(self, template: Wording, values: Values, *, gap: Gap | None = None) -> Wording:
        """Return the message that a template's text makes on this channel.

        Raises:
            InvalidTemplate, MissingVariable, MessageTooLong: see `app.messaging.rendering.render.render`.
        """
        return self.render(template, values, limits=self.limits, gap=gap)

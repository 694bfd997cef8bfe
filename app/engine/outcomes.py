"""Step outcomes: the closed set of results that a step handler returns.

An exception means: retry later, and fail after the last attempt.
"""

from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime
from typing import Final, NotRequired, TypeAlias, TypedDict, TypeVar, dataclass_transform
from uuid import UUID

from app.core.type_aliases import ColumnDict, JsonObject
from app.engine.events.events import Event
from app.engine.models import Reason

Row: TypeAlias = ColumnDict  # of a table, by column

AnyT = TypeVar("AnyT")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def checked_frozen(cls: type[AnyT]) -> type[AnyT]:
    """Make a dataclass that is frozen for mypy only: at run time a frozen one with many fields takes twice as long.

    For classes of which each step makes one.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)


class LostSuggestion(TypedDict):
    """A lead that looks lost, and why: `id` is the lead's."""

    id: UUID
    lost_suggested_at: datetime
    lost_suggested_reason: str


class StartedDelivery(TypedDict):
    """A row of `deliveries`: an attempt that begins."""

    id: UUID
    clinic_id: UUID
    notification_id: UUID
    attempt: int
    started_at: datetime


class EndedDelivery(TypedDict):
    """An attempt that ended: `id` is the delivery's."""

    id: UUID
    outcome: str
    response: str
    finished_at: datetime


class NotificationChange(TypedDict):
    """The new state of a notification. Columns that are missing keep their values, except `reason` and `error`."""

    id: UUID | str
    state: str
    reason: NotRequired[str | None]
    error: NotRequired[str | None]
    attempts: NotRequired[int]
    handed_over_at: NotRequired[datetime]
    gateway_id: NotRequired[UUID]
    account_id: NotRequired[UUID]
    sent_at: NotRequired[datetime]


class GatewayCalls(TypedDict):
    """Calls in one minute that count against a gateway's hourly limit."""

    gateway_id: UUID
    minute: datetime
    sent: int
    promised: int


class AccountCount(TypedDict):
    """Messages in one minute or on one day that count against the limits of a sending account."""

    account_id: UUID
    period: str
    starts_at: datetime
    sent: int
    promised: int


class GatewayResult(TypedDict):
    """Whether a call to a gateway failed."""

    gateway_id: UUID
    is_failure: bool


class ChannelResult(TypedDict):
    """Whether an attempt showed that its target is down: a channel (its name), a gateway or an account (their ids)."""

    target: str
    gateway_id: UUID | None
    account_id: UUID | None
    is_failure: bool
    error: str | None


class WebhookAttempt(TypedDict):
    """The new state of a webhook delivery: `id` is the delivery's. Without `attempted_at` no attempt ended."""

    id: UUID
    state: str
    attempts: int
    next_attempt_at: datetime
    attempted_at: datetime | None
    duration_ms: int | None
    response_status: int | None
    response: str | None
    error: str | None


class WebhookResult(TypedDict):
    """The answers of a webhook endpoint in one batch: numbers of calls, and the last error.

    `recovered`: successes after failed attempts. `not_before`: when the endpoint takes calls again, if it said so.
    """

    endpoint_id: UUID
    successes: int
    recovered: int
    failures: int
    error: str | None
    not_before: datetime | None
    is_gone: bool


class SuppressedAddress(TypedDict):
    """An address that does not exist, for the suppression list. `kind` is an `AddressKind`."""

    clinic_id: UUID
    kind: str
    address: str


class GoneDestination(TypedDict):
    """A user's destination that does not exist any more. `url_blind`: of the URL that was called."""

    id: UUID
    clinic_id: UUID
    url_blind: bytes | None


class Change:
    """Base of the data objects that describe a change of the step's lead.

    A worker carries it out with the lead's own services, a simulation on its simulated lead.
    """

    __slots__ = ()


@checked_frozen
class Effects:
    """Rows that a step writes. The runner writes the effects of a whole batch in one transaction."""

    tasks: tuple[Row, ...] = ()
    activities: tuple[Row, ...] = ()
    notifications: tuple[Row, ...] = ()
    steps: tuple[Row, ...] = ()
    events: tuple[Event, ...] = ()
    lost_suggestions: tuple[LostSuggestion, ...] = ()
    deliveries: tuple[StartedDelivery, ...] = ()
    delivered: tuple[EndedDelivery, ...] = ()
    notification_states: tuple[NotificationChange, ...] = ()
    gateway_minutes: tuple[GatewayCalls, ...] = ()
    account_counts: tuple[AccountCount, ...] = ()
    gateway_results: tuple[GatewayResult, ...] = ()
    channel_results: tuple[ChannelResult, ...] = ()
    webhook_attempts: tuple[WebhookAttempt, ...] = ()
    webhook_results: tuple[WebhookResult, ...] = ()
    suppressions: tuple[SuppressedAddress, ...] = ()
    tracked_messages: tuple[Row, ...] = ()
    tracked_links: tuple[Row, ...] = ()
    gone_destinations: tuple[GoneDestination, ...] = ()
    chunks: tuple[JsonObject, ...] = ()  # parts of a bulk job
    changes: tuple[Change, ...] = ()  # of the step's lead, in this order


_NO_EFFECTS: Final = Effects()


@dataclass(frozen=True, slots=True)
class BaseOutcome:
    """Base of all outcomes."""

    _: KW_ONLY
    effects: Effects = _NO_EFFECTS


@dataclass(frozen=True, slots=True)
class Done(BaseOutcome):
    """The step succeeded. `made` holds the ids of the created rows."""

    made: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skip(BaseOutcome):
    """The step is due, but must not run or need not run."""

    reason: Reason
    detail: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cancel(BaseOutcome):
    """The step is obsolete, for example because its task is closed."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Snooze(BaseOutcome):
    """Run the step again at `until`. This does not count as an attempt. `detail` is stored until the step ends.

    `waits_for` is the key of what the step waits for (`app.engine.steps.waiting`), if that is not a time: whoever ends
    the wait wakes the step, and `until` is only a safety net. `moves` are the moments on the way to `until`, each with
    its reason; empty if `reason` alone explains it.
    """

    until: datetime
    reason: Reason
    detail: JsonObject = field(default_factory=dict)
    waits_for: str | None = None
    moves: tuple[tuple[Reason, datetime], ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Retry(BaseOutcome):
    """It could not be done now. It counts as an attempt, and the last attempt allowed is a failure."""

    error: str
    not_before: datetime | None = None  # when the other system asks for a longer wait
    not_after: datetime | None = None  # when the usual wait would be too long


@dataclass(frozen=True, slots=True)
class Fail(BaseOutcome):
    """The external service rejected the call permanently."""

    error: str


@dataclass(frozen=True, slots=True)
class ResultUnknown(BaseOutcome):
    """The external call was interrupted and its result is unknown. The step is not retried automatically."""

    error: str


@dataclass(frozen=True, slots=True)
class ExternalCall(BaseOutcome):
    """The step needs an external call. State `running` is committed first; the call runs without a transaction."""

    question: object


Outcome: TypeAlias = Done | Skip | Cancel | Snooze | Retry | Fail | ResultUnknown

"""Outcomes of a step: a closed set that handlers return. Raising means: try again later, then fail."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime
from typing import Any, TypeAlias, TypedDict
from uuid import UUID

from app.engine.events.events import Event
from app.engine.models import Reason

Row: TypeAlias = dict[str, Any]  # of a table, by column


class LostSuggestion(TypedDict):
    """A lead that looks lost, and why: `id` is the lead's."""

    id: UUID
    lost_suggested_at: datetime
    lost_suggested_reason: str


class Change:
    """Base of the data objects that describe a change of the step's lead.

    A worker carries it out with the lead's own services, a simulation on its simulated lead.
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Effects:
    """The writes of a step. The runner writes the effects of a whole batch together, in one transaction."""

    tasks: tuple[Row, ...] = ()
    activities: tuple[Row, ...] = ()
    notifications: tuple[Row, ...] = ()
    steps: tuple[Row, ...] = ()
    events: tuple[Event, ...] = ()
    lost_suggestions: tuple[LostSuggestion, ...] = ()
    deliveries: tuple[Row, ...] = ()  # attempts that begin
    delivered: tuple[Row, ...] = ()  # attempts that ended: id, outcome, response
    notification_states: tuple[Row, ...] = ()  # id, state, reason, error, attempts
    gateway_minutes: tuple[Row, ...] = ()  # calls that count against a gateway's hourly limit
    gateway_results: tuple[Row, ...] = ()  # gateway_id, is_failure
    chunks: tuple[Mapping[str, Any], ...] = ()  # parts of a bulk job
    changes: tuple[Change, ...] = ()  # of the step's lead, in this order


@dataclass(frozen=True, slots=True)
class Ended:
    """Base of all outcomes."""

    _: KW_ONLY
    effects: Effects = Effects()


@dataclass(frozen=True, slots=True)
class Done(Ended):
    """The step did what it was planned for; `made` names the ids of the rows it made."""

    made: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skip(Ended):
    """The step is due, but must not or need not run."""

    reason: Reason
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cancel(Ended):
    """The subject of the step is over."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Snooze(Ended):
    """Run it again at `until`. This does not count as an attempt. `detail` is kept until the step ends."""

    until: datetime
    reason: Reason
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Retry(Ended):
    """It could not be done now. It counts as an attempt, and the last attempt allowed is a failure."""

    error: str
    not_before: datetime | None = None  # when the other system asks for a longer wait


@dataclass(frozen=True, slots=True)
class Fail(Ended):
    """The other system refused, for good."""

    error: str


@dataclass(frozen=True, slots=True)
class Unclear(Ended):
    """Cut off while another system was asked: the result is unknown, and the step is not retried by itself."""

    error: str


@dataclass(frozen=True, slots=True)
class Ask(Ended):
    """Another system must be asked: `running` is committed first, and the question put without a transaction."""

    question: Any


Outcome: TypeAlias = Done | Skip | Cancel | Snooze | Retry | Fail | Unclear

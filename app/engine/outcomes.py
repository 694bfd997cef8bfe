"""How a step ends: a closed set, returned by its handler. Raising means: try again later, then fail."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from app.engine.events.events import Event
from app.engine.models import Reason

Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Effects:
    """What a step writes. The runner writes the effects of a whole batch together, in one transaction."""

    tasks: tuple[Row, ...] = ()
    activities: tuple[Row, ...] = ()
    notifications: tuple[Row, ...] = ()
    steps: tuple[Row, ...] = ()
    events: tuple[Event, ...] = ()
    lost_suggestions: tuple[Row, ...] = ()  # lead_id, reason
    deliveries: tuple[Row, ...] = ()  # attempts that begin
    delivered: tuple[Row, ...] = ()  # attempts that ended: id, outcome, response
    notification_states: tuple[Row, ...] = ()  # id, state, reason, error, attempts
    gateway_minutes: tuple[Row, ...] = ()  # calls that count against a gateway's hour
    gateway_results: tuple[Row, ...] = ()  # gateway_id, is_failure
    chunks: tuple[Mapping[str, Any], ...] = ()  # parts of a bulk job
    changes: tuple[Any, ...] = ()  # of leads: see `changes`
    enrolments: tuple[Any, ...] = ()  # into sequences, and out of them: see `enrolments`


@dataclass(frozen=True, slots=True)
class Ended:
    """What all ends have in common."""

    _: KW_ONLY
    effects: Effects = Effects()


@dataclass(frozen=True, slots=True)
class Done(Ended):
    """It did what it was planned for; `made` names the ids of it."""

    made: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skip(Ended):
    """It is due, but must not or need not happen."""

    reason: Reason
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cancel(Ended):
    """What it was about is over."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Snooze(Ended):
    """Not now: again at `until`. It does not count as an attempt. `detail` is kept until it ends."""

    until: datetime
    reason: Reason
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Retry(Ended):
    """It could not be done now. It counts as an attempt, and the last one allowed is a failure."""

    error: str
    not_before: datetime | None = None  # when somebody outside asks for a longer wait


@dataclass(frozen=True, slots=True)
class Fail(Ended):
    """Somebody outside said no, for good."""

    error: str


@dataclass(frozen=True, slots=True)
class Unclear(Ended):
    """Cut off while somebody outside was asked: nobody knows, and it is not asked again by itself."""

    error: str


@dataclass(frozen=True, slots=True)
class Ask(Ended):
    """Somebody outside must be asked: `running` is committed first, and the question put without a transaction."""

    question: Any


Outcome: TypeAlias = Done | Skip | Cancel | Snooze | Retry | Fail | Unclear

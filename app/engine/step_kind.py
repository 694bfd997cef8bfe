"""Step kinds: the definition of a kind, and the registry that every process fills when it starts."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeAlias, TypeVar

from pydantic import BaseModel

from app.core.calendar.calendar import Calendar
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.outcomes import Done, ExternalCall, Outcome, Retry, Skip, Snooze

Settings: TypeAlias = JsonObject  # of an action in a definition
Details: TypeAlias = JsonObject  # of a done step, shown to users

ContextT = TypeVar("ContextT")  # the step context, which a higher layer defines
QuestionT = TypeVar("QuestionT")
AnswerT = TypeVar("AnswerT")

# The queues of steps.
STEPS, DELIVERIES, ACCOUNTS, BULK, WEBHOOKS = "steps", "deliveries", "accounts", "bulk", "webhooks"

MAX_TRIES: Final = 5
BATCH: Final = 100
SMALL_BATCH: Final = (
    25  # for steps that change leads one by one, so that a batch holds locks only for a fraction of a second
)


@dataclass(frozen=True, slots=True)
class OutsideCall(Generic[ContextT, QuestionT, AnswerT]):
    """How a kind talks to another system. No transaction is open while `ask` runs.

    `ask(question)` returns the answer. `conclude(context, question, answer)` returns the outcome of the step.
    `cut_off(context, question, error)` does the same after `ask` raised, when the result of the call is unknown.
    `ask_all(questions)` makes the calls of a batch at the same time, for kinds with a batch of more than one step; it
    replaces `ask`. `is_repeatable`: the other system recognizes repeated calls, so an interrupted step runs again.
    """

    ask: Callable[[QuestionT], AnswerT]
    conclude: Callable[[ContextT, QuestionT, AnswerT], Outcome]
    cut_off: Callable[[ContextT, QuestionT, str], Outcome]
    ask_all: Callable[[Sequence[QuestionT]], Sequence[AnswerT]] | None = None
    is_repeatable: bool = False


def retry(_: object, error: str) -> Outcome:
    """Return Retry, the outcome of a step after an error in its handler."""
    return Retry(error)


def outcome_details(_: object, done: Done) -> Details:
    """Return the `made` of a done step unchanged."""
    return done.made


def same_settings(settings: Settings, _: datetime, __: Calendar) -> JsonDict:
    """Return the settings of an action as the params of its step."""
    return dict(settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepKind(Generic[ContextT]):
    """Everything about one kind of step. Contexts are `app.automation.handlers.support.context.StepContext`.

    - `decide(context)` returns the outcome, or `ExternalCall` for kinds with an `outside` call. It is pure.
    - `guard(context)` replaces the checks that apply to the steps of rules. It returns the reason not to run, or None.
    - `params` is the pydantic model of the settings of the kind's action in rules: a subclass of
      `app.automation.language.params.Params`. Its docstring and its `example` describe the kind in the API and on the
      reference page. None: rules cannot name the kind.
    - `sequence_params` is the model for steps of sequences. None: sequences cannot name the kind.
    - `sentence(settings)` describes one action in plain words. Kinds without a model need none.
    - `step_params(settings, due_at, calendar)` returns the params of a step for an action's settings.
    - `details(context, done)` returns what a simulation shows of a done step, without ids.
    - `raised(context, error)` returns the outcome of a step after an error in `decide` or in the write.
    """

    name: str
    decide: Callable[[ContextT], Outcome | ExternalCall]
    guard: Callable[[ContextT], Skip | Snooze | None] | None = None
    params: type[BaseModel] | None = None
    sequence_params: type[BaseModel] | None = None
    sentence: Callable[[Settings], str] | None = None
    step_params: Callable[[Settings, datetime, Calendar], JsonDict] = same_settings
    details: Callable[[ContextT, Done], Details] = outcome_details
    raised: Callable[[ContextT, str], Outcome] = retry
    outside: OutsideCall[ContextT, Any, Any] | None = None
    max_tries: int = MAX_TRIES
    batch: int = BATCH  # steps that share a transaction
    per_message: int = BATCH  # steps that one message names
    read_ahead: int = 1  # steps whose contexts are read together, before each is claimed in its own transaction
    queue: str = STEPS
    has_lead: bool = True
    writes_to_lead: bool = False  # it sends a message to the lead, which the contact policy checks
    reads_keys: bool = False  # its steps keep what a custom event is about
    needs_stages: bool = False  # its context needs the clinic's stages

    @property
    def is_for_rules(self) -> bool:
        """Whether rules or sequences can name it."""
        return self.params is not None or self.sequence_params is not None


class StepKindsAreMissing(RuntimeError):
    """No step kinds are registered: call app.wiring.connect() when the process starts."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class UnknownStepKind(KeyError):
    """No step kind has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"there is no step kind {self.name!r}"


AnyOutsideCall: TypeAlias = OutsideCall[Any, Any, Any]
AnyStepKind: TypeAlias = StepKind[Any]  # of the registry: all kinds have the same context


class StepKinds(dict[str, AnyStepKind]):
    """The step kinds by name, in alphabetical order. Reading it before `fill` raises StepKindsAreMissing."""

    def fill(self, kinds: Iterable[AnyStepKind]) -> None:
        """Replace the registered kinds by these. Raises ValueError (when two have the same name)."""
        listed = sorted(kinds, key=lambda kind: kind.name)
        by_name = {kind.name: kind for kind in listed}
        if len(by_name) < len(listed):
            raise ValueError(f"two step kinds have one name: {[kind.name for kind in listed]}")
        self.clear()
        self.update(by_name)

    def __missing__(self, name: str) -> AnyStepKind:
        self._require_filled()
        raise UnknownStepKind(name)

    def __contains__(self, name: object) -> bool:
        self._require_filled()
        return super().__contains__(name)

    def __iter__(self) -> Iterator[str]:
        self._require_filled()
        return super().__iter__()

    def of_queue(self, queue: str) -> list[str]:
        """Return the names of the kinds whose messages go to this queue."""
        return [name for name in self if self[name].queue == queue]

    def for_rules(self) -> list[str]:
        """Return the names of the kinds that rules or sequences can name."""
        return [name for name in self if self[name].is_for_rules]

    def _require_filled(self) -> None:
        if not self:
            raise StepKindsAreMissing


STEP_KINDS: Final = StepKinds()

"""Step kinds: the description of one kind, and the registry that every process fills when it starts."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

from app.core.calendar.calendar import Calendar
from app.engine.outcomes import Done, ExternalCall, Outcome, Retry, Skip, Snooze

Settings: TypeAlias = Mapping[str, Any]  # of an action, as its rule has them
Details: TypeAlias = Mapping[str, Any]  # of a step that was done, for people

STEPS, DELIVERIES, BULK = "steps", "deliveries", "bulk"  # the queues that steps go to

MAX_TRIES: Final = 5
BATCH: Final = 100
SMALL_BATCH: Final = 25  # of steps that change leads one by one: a batch holds its locks for a fraction of a second


@dataclass(frozen=True, slots=True)
class Words:
    """Texts about a kind for people: a sentence for one action, a line for the reference, an example in YAML.

    Without an `example` the reference of the rule language does not list the kind.
    """

    sentence: Callable[[Settings], str]
    about: str
    example: str = ""


@dataclass(frozen=True, slots=True)
class OutsideCall:
    """How a kind talks to another system. No transaction is open while `ask` runs.

    `ask(question)` returns the answer. `conclude(context, question, answer)` gives the outcome of the step.
    `cut_off(context, question, error)` does the same when `ask` raised: the result of the call is unknown then.
    """

    ask: Callable[[Any], Any]
    conclude: Callable[[Any, Any, Any], Outcome]
    cut_off: Callable[[Any, Any, str], Outcome]


def retry(_: Any, error: str) -> Outcome:
    """Return the outcome of a step whose handler raised: another try."""
    return Retry(error)


def made_of(_: Any, done: Done) -> Details:
    """Return the details of a step that was done: its `made`, as it is."""
    return done.made


def same_settings(settings: Settings, _: datetime, __: Calendar) -> dict[str, Any]:
    """Return the params of a step: the settings of its action."""
    return dict(settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepKind:
    """Everything about one kind of step. Contexts are `app.automation.handlers.context.StepContext`.

    - `decide(context)` returns the outcome, or `Ask` for kinds with an `outside` call. It is pure.
    - `guard(context)` replaces the checks that every step of a rule passes; it returns the reason not to run, or None.
    - `words`: None for kinds that rules and sequences cannot name; code plans such steps.
    - `params`: the model of the kind's settings.
    - `step_params(settings, due_at, calendar)` turns an action's settings into the params of its step.
    - `details(context, done)` tells in a simulation what was done, without ids.
    - `raised(context, error)` is the outcome after `decide` or the write raised.
    """

    name: str
    decide: Callable[[Any], Outcome | ExternalCall]
    guard: Callable[[Any], Skip | Snooze | None] | None = None
    params: type | None = None
    words: Words | None = None
    step_params: Callable[[Settings, datetime, Calendar], dict[str, Any]] = same_settings
    details: Callable[[Any, Done], Details] = made_of
    raised: Callable[[Any, str], Outcome] = retry
    outside: OutsideCall | None = None
    max_tries: int = MAX_TRIES
    batch: int = BATCH  # steps that share a transaction
    per_message: int = BATCH  # steps that one message names
    queue: str = STEPS
    has_lead: bool = True
    writes_to_lead: bool = False  # a message that the contact policy judges
    needs_stages: bool = False  # its context has the clinic's stages

    @property
    def is_for_rules(self) -> bool:
        """Whether rules or sequences can plan it."""
        return self.words is not None


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


class StepKinds(dict[str, StepKind]):
    """The step kinds by name, sorted. Reading it before `fill` was called raises StepKindsAreMissing."""

    def fill(self, kinds: Iterable[StepKind]) -> None:
        """Register these kinds, and only these. Raises ValueError for two of one name."""
        listed = sorted(kinds, key=lambda kind: kind.name)
        by_name = {kind.name: kind for kind in listed}
        if len(by_name) < len(listed):
            raise ValueError(f"two step kinds have one name: {[kind.name for kind in listed]}")
        self.clear()
        self.update(by_name)

    def __missing__(self, name: str) -> StepKind:
        self._require_filled()
        raise UnknownStepKind(name)

    def __contains__(self, name: object) -> bool:
        self._require_filled()
        return super().__contains__(name)

    def __iter__(self) -> Iterator[str]:
        self._require_filled()
        return super().__iter__()

    def for_rules(self) -> list[str]:
        """Return the names of the kinds that rules and sequences can plan."""
        return [name for name in self if self[name].is_for_rules]

    def _require_filled(self) -> None:
        if not self:
            raise StepKindsAreMissing


STEP_KINDS: Final = StepKinds()

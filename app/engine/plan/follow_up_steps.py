"""Steps that follow from a step: the next repetition, and the branch taken. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, NamedTuple, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from app.core.calendar.calendar import Calendar
from app.core.calendar.durations import parse_wait
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.events.events import Facts
from app.engine.models import BegunBy, Reason
from app.engine.plan.plan import PlannedStep
from app.engine.rules.conditions import holds
from app.engine.rules.rules import RuleSet
from app.engine.rules.timing import next_time
from app.engine.step_kind import STEP_KINDS
from app.engine.steps.guard import GuardedStep

# Skip reasons that end a repetition. Other skip reasons may not apply the next time.
FINAL_REASONS: Final = frozenset(
    {Reason.CONVERTED, Reason.LOST, Reason.ARCHIVED, Reason.LEAD_GONE, Reason.RESTRICTED}
    | {Reason.ERASED, Reason.MERGED, Reason.OPTED_OUT}
)


class FinishedStep(GuardedStep, Protocol):
    """A finished step: a row of `steps`, or a simulated step."""

    @property
    def id(self) -> UUID: ...
    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def params(self) -> JsonObject: ...
    @property
    def stop_on(self) -> Sequence[str]: ...
    @property
    def dedupe_key(self) -> str | None: ...


class Branch(NamedTuple):
    """The branch taken: `then` or `else`, and its steps."""

    name: str
    steps: tuple[PlannedStep, ...]


def repeats(step: FinishedStep, skipped: Reason | None, rules: RuleSet) -> bool:
    """Return whether a repetition follows a step that ended, or was `skipped` for that reason.

    A rule that is inactive may become active again; a deleted one ends its repetitions.
    """
    if skipped == Reason.RULE_INACTIVE and step.cause.get("rule") not in rules.inactive:
        return False
    return "every" in step.cause and skipped not in FINAL_REASONS


def next_repetition(step: FinishedStep, now: datetime, calendar: Calendar) -> PlannedStep:
    """Return the next repetition of a recurring step (bansalcrm2-follow-up-guide.md, use case 7)."""
    every = step.cause["every"]
    last = datetime.fromisoformat(every["due_at"])  # not the run time: a late run must not shift the repetitions
    clock = replace(calendar, zone=ZoneInfo(every["zone"])) if "zone" in every else calendar
    due_at = next_time(parse_wait(every["time"]), last, now, clock)
    params = dict(step.params)
    if "task_due_at" in params:
        params["task_due_at"] = (datetime.fromisoformat(params["task_due_at"]) + (due_at - last)).isoformat()
    first = (step.dedupe_key or str(step.id)).partition("@")[0]
    cause = {**step.cause, "every": {**every, "due_at": due_at.isoformat()}}
    key = f"{first}@{due_at.isoformat()}"
    begun_by = BegunBy.REPETITION
    return PlannedStep(
        kind=step.kind, due_at=due_at, params=params, cause=cause, key=key, begun_by=begun_by, **_same(step)
    )


def choose_branch(step: FinishedStep, facts: Facts, now: datetime, calendar: Calendar) -> Branch:
    """Return the branch that the conditions select, with its actions as steps.

    Events that stop the branch step stop them too.
    """
    name = "then" if all(holds(condition, facts) for condition in step.params["if"]) else "else"
    planned = (
        _of_way(step, action, f"{name}:{i}", now=now, calendar=calendar)
        for i, action in enumerate(step.params.get(name, []))
    )
    return Branch(name, tuple(planned))


def _of_way(step: FinishedStep, action: JsonObject, place: str, *, now: datetime, calendar: Calendar) -> PlannedStep:
    [(kind, settings)] = action.items()
    kept = {name: step.params[name] for name in ("task_id", "scheduled_for") if name in step.params}
    return PlannedStep(
        kind=kind,
        due_at=now,
        params={**kept, **STEP_KINDS[kind].step_params(settings, now, calendar)},
        cause=dict(step.cause),
        key=f"{step.dedupe_key or step.id}:{place}",
        begun_by=BegunBy.BRANCH,
        **_same(step),
    )


def _same(step: FinishedStep) -> JsonDict:
    """Return the fields that a step passes on to the steps that follow from it."""
    guard = None if step.guard is None else dict(step.guard)
    return {"name": step.name, "guard": guard, "stop_on": tuple(step.stop_on), "lateness": step.lateness}

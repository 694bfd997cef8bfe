"""The checks that every step of a rule passes before its handler decides."""

from datetime import datetime, timedelta
from typing import Final

from app.automation.handlers.context import StepContext
from app.engine.models import Reason
from app.engine.outcomes import ExternalCall, Outcome, Skip, Snooze
from app.engine.step_kind import StepKind
from app.engine.steps import guard
from app.messaging.rendering.values import MissingVariable

LOOKED_AGAIN: Final = timedelta(minutes=15)  # how often a paused rule is looked at; what waits stays spread out
_WAITS_SINCE: Final = "waits_since"  # kept with a step while its rule is paused


def decide(kind: StepKind, context: StepContext) -> Outcome | ExternalCall:
    """Ask the kind's guard, then its handler. Raises what they raise."""
    try:
        return (kind.guard or check)(context) or kind.decide(context)
    except MissingVariable as missing:  # another try would not help
        return Skip(Reason.MISSING_FIELD, {"field": missing.field})


def check(context: StepContext) -> Skip | Snooze | None:
    """Return why the step must not run, or not yet; else None."""
    if context.has_left:
        return Skip(Reason.NOT_ENROLLED)
    pauses = is_paused(context, context.step.cause.get("rule"))
    refused = guard.refusal(
        context.step,
        context.lead,
        late=context.now - _due_at_first(context),
        rule_is_active=context.rule_is_active or pauses,
        facts=context.facts,
    )
    if refused:
        return Skip(*refused)
    return wait(context) if pauses else None


def is_paused(context: StepContext, slug: str | None) -> bool:
    """Whether the engine paused that rule and it was not resumed."""
    return slug in context.rules.paused


def wait(context: StepContext) -> Snooze:
    """Wait until its rule is no longer paused. Lateness counts from when the step was due at first."""
    first = {_WAITS_SINCE: _due_at_first(context).isoformat()}
    return Snooze(context.now + LOOKED_AGAIN, Reason.RULE_PAUSED, first)


def _due_at_first(context: StepContext) -> datetime:
    waits_since = (context.step.outcome or {}).get(_WAITS_SINCE)
    return datetime.fromisoformat(waits_since) if waits_since else context.step.due_at

"""Run the guard of a step (`app.engine.steps.guard`), then its handler, unless the rule is paused."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from app.automation.handlers.support.context import StepContext
from app.core.type_aliases import JsonDict
from app.engine.models import Reason
from app.engine.outcomes import ExternalCall, Outcome, Skip, Snooze
from app.engine.step_kind import StepKind
from app.engine.steps import guard
from app.messaging.models import NotificationState
from app.messaging.rendering.values import MissingVariable

PAUSE_CHECK_INTERVAL: Final = timedelta(minutes=15)  # between two checks of a paused rule
_WAITS_SINCE: Final = "waits_since"  # key in the outcome of a waiting step: its first due time


def decide(kind: StepKind[StepContext], context: StepContext) -> Outcome | ExternalCall:
    """Return the guard's refusal, or else the handler's outcome. Errors of both propagate."""
    try:
        end = (kind.guard or check)(context) or kind.decide(context)
    except MissingVariable as missing:  # a retry would fail again
        return Skip(Reason.MISSING_FIELD, {"field": missing.field})
    return suppress_messages(end) if context.skips_messages else end


def suppress_messages(end: Outcome | ExternalCall) -> Outcome | ExternalCall:
    """Return the outcome with its messages suppressed, so that they are listed and never sent. The inbox is no message.

    For a step whose messages an operator chose to skip.
    """
    reason = {"state": NotificationState.SUPPRESSED, "reason": Reason.SKIPPED_ON_RESUME}
    messages = tuple(
        {**row, **reason} if row["state"] == NotificationState.PENDING else row for row in end.effects.notifications
    )
    return replace(end, effects=replace(end.effects, notifications=messages))


def check(context: StepContext) -> Skip | Snooze | None:
    """Return Skip or Snooze with the reason not to run the step now; None if it may run."""
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
    """Return whether the engine paused the rule and no user resumed it."""
    return slug in context.rules.paused


def is_too_late(context: StepContext) -> bool:
    """Return whether a step is later than it may be, counted from its first due time."""
    lateness = context.step.lateness
    return lateness is not None and context.now - _due_at_first(context) > timedelta(seconds=lateness)


def wait(context: StepContext) -> Snooze:
    """Snooze the step while its rule is paused."""
    return wait_for_admin(context, Reason.RULE_PAUSED)


def wait_for_admin(context: StepContext, reason: Reason) -> Snooze:
    """Snooze the step until an admin has acted."""
    return Snooze(context.now + PAUSE_CHECK_INTERVAL, reason, first_due_time(context))


def first_due_time(context: StepContext) -> JsonDict:
    """Return the detail of a snooze for a step that waits: its lateness still counts from its first due time."""
    return {_WAITS_SINCE: _due_at_first(context).isoformat()}


def _due_at_first(context: StepContext) -> datetime:
    waits_since = (context.step.outcome or {}).get(_WAITS_SINCE)
    return datetime.fromisoformat(waits_since) if waits_since else context.step.due_at

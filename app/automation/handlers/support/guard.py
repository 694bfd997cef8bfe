"""Run the guard of a step (`app.engine.steps.guard`), then its handler, unless the rule is paused."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from app.automation.handlers.support.context import StepContext
from app.core.type_aliases import JsonDict
from app.engine.models import Reason
from app.engine.outcomes import ExternalCall, Outcome, Skip, Snooze
from app.engine.step_kind import StepKind
from app.engine.steps import guard, waiting
from app.messaging.contact_policy.gate import Until
from app.messaging.models import NotificationState
from app.messaging.rendering.values import MissingVariable

LONGEST_WAIT: Final = timedelta(minutes=15)  # for an admin, if nobody wakes the step
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
    slug = context.step.cause.get("rule")
    pauses = is_paused(context, slug)
    refused = guard.refusal(
        context.step,
        context.lead,
        late=context.now - _due_at_first(context),
        rule_is_active=context.rule_is_active or pauses,
        facts=context.facts,
    )
    if refused:
        return Skip(*refused)
    return wait(context, slug) if pauses else None


def put_off(context: StepContext, refusal: Until) -> Snooze:
    """Snooze a message until the contact policy allows it. The decision of a user may allow it sooner."""
    awaits = any(reason is Reason.AWAITS_DECISION for reason, _ in refusal.moves)
    waits_for = waiting.decided(context.lead.id) if awaits else None
    return Snooze(refusal.instant, refusal.reason, moves=refusal.moves, waits_for=waits_for)


def is_paused(context: StepContext, slug: str | None) -> bool:
    """Return whether the engine paused the rule and no user resumed it."""
    return slug in context.rules.paused


def is_too_late(context: StepContext) -> bool:
    """Return whether a step is later than it may be, counted from its first due time."""
    lateness = context.step.lateness
    return lateness is not None and context.now - _due_at_first(context) > timedelta(seconds=lateness)


def wait(context: StepContext, slug: str | None) -> Snooze:
    """Snooze the step while its rule or sequence is paused."""
    return wait_for_admin(context, Reason.RULE_PAUSED, waiting.paused(str(slug)))


def wait_for_admin(context: StepContext, reason: Reason, waits_for: str) -> Snooze:
    """Snooze the step until an admin has acted. `waits_for`: the key of what the admin changes."""
    return Snooze(context.now + LONGEST_WAIT, reason, first_due_time(context), waits_for)


def first_due_time(context: StepContext) -> JsonDict:
    """Return the detail of a snooze for a step that waits: its lateness still counts from its first due time."""
    return {_WAITS_SINCE: _due_at_first(context).isoformat()}


def _due_at_first(context: StepContext) -> datetime:
    waits_since = (context.step.outcome or {}).get(_WAITS_SINCE)
    return datetime.fromisoformat(waits_since) if waits_since else context.step.due_at

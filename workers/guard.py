"""The guard, asked about a step that a worker has in hand."""

from datetime import datetime, timedelta
from typing import Final

from app.engine.models import Reason
from app.engine.outcomes import Skip, Snooze
from app.engine.steps import guard
from workers.pipeline.context import StepContext

LOOKED_AGAIN: Final = timedelta(minutes=15)  # whether a rule is still paused: what waits goes on spread out, as it came
_WAITS_SINCE: Final = "waits_since"  # what a step keeps while its rule is paused


def check(context: StepContext) -> Skip | Snooze | None:
    """Why the step must not run, or not yet; else None."""
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
    """Whether the engine paused that rule, and nobody has looked yet."""
    return slug in context.rules.paused


def wait(context: StepContext) -> Snooze:
    """Until its rule is no longer paused. How late it is counts from when it was due at first."""
    first = {_WAITS_SINCE: _due_at_first(context).isoformat()}
    return Snooze(context.now + LOOKED_AGAIN, Reason.RULE_PAUSED, first)


def _due_at_first(context: StepContext) -> datetime:
    waits_since = (context.step.outcome or {}).get(_WAITS_SINCE)
    due_at: datetime = context.step.due_at
    return datetime.fromisoformat(waits_since) if waits_since else due_at

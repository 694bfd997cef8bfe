"""The guard, asked about a step that a worker has in hand."""

from app.automation import guard
from workers.context import StepContext
from workers.outcomes import Skip


def check(context: StepContext) -> Skip | None:
    """Why the step must not run, or None."""
    refused = guard.refusal(
        context.step,
        context.lead,
        now=context.now,
        rule_is_active=context.rule_is_active,
        facts=context.facts,
    )
    return Skip(*refused) if refused else None

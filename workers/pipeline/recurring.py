"""Recurring steps: plan the next repetition when one ends."""

from collections.abc import Iterable

from app.automation.handlers.support.context import StepContext
from app.engine.outcomes import BaseOutcome, Done, Row, Skip
from app.engine.plan.follow_up_steps import next_repetition, repeats
from app.engine.service import planned_row


def next_steps(ended: Iterable[tuple[StepContext, BaseOutcome]]) -> list[Row]:
    """Return the rows of the next repetitions."""
    return [_next(context) for context, end in ended if _repeats(context, end)]


def _repeats(context: StepContext, end: BaseOutcome) -> bool:
    reason = end.reason if isinstance(end, Skip) else None
    return isinstance(end, Done | Skip) and repeats(context.step, reason)


def _next(context: StepContext) -> Row:
    following = next_repetition(context.step, context.now, context.clinic.calendar)
    return planned_row(context.clinic.id, context.lead.id, following)

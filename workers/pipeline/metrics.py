"""Metrics of a batch: outcomes by kind, lateness, and notification states."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from app.automation.handlers.support.context import StepContext
from app.engine.outcomes import Done, Outcome
from app.engine.statistics.metrics_store import Counts, add_counts, bucket_of, series_key

REFUSED = series_key("refused")
_pending: Counts = Counter()  # counts since the last write; an idle process writes nothing


def refuse(steps: int) -> None:
    """Count steps of a message that had already been run."""
    if steps:
        _pending[REFUSED] += steps


def count(session: Session, ends: Sequence[tuple[StepContext, Outcome]]) -> None:
    """Count the outcomes of a batch in its transaction."""
    if not ends:
        return
    counts = Counter(_pending)
    _count_steps(counts, ends)
    for context, end in ends:
        _count_notifications(counts, context, end)
    add_counts(session, counts)
    _pending.clear()


def _count_steps(counts: Counts, ends: Sequence[tuple[StepContext, Outcome]]) -> None:
    for (kind, outcome), steps in Counter((context.step.kind, type(end)) for context, end in ends).items():
        counts[series_key("steps", kind=kind, outcome=outcome.__name__.lower())] += steps
    late = [(context.step.kind, _lateness(context)) for context, end in ends if isinstance(end, Done)]
    for (kind, bucket), steps in Counter((kind, bucket_of(seconds)) for kind, seconds in late).items():
        counts[series_key("lateness", kind=kind, le=bucket)] += steps
    for kind, seconds in late:
        counts[series_key("lateness_sum", kind=kind)] += seconds


def _lateness(context: StepContext) -> Any:
    return max((context.now - context.step.due_at).total_seconds(), 0.0)


def _count_notifications(counts: Counts, context: StepContext, end: Outcome) -> None:
    for written in end.effects.notifications:
        counts[series_key("notifications", channel=written["channel"], state=written["state"])] += 1
    if context.notification:
        for changed in end.effects.notification_states:
            counts[series_key("notifications", channel=context.notification.channel, state=changed["state"])] += 1

"""What is counted of a batch by rule and sequence, for those that have to be paused."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from app.automation.handlers.context import StepContext
from app.engine.models import Kind
from app.engine.outcomes import Done, Fail, Outcome, Retry
from app.engine.statistics import outcome_statistics
from app.engine.statistics.outcome_statistics import Series
from app.engine.step_kind import STEP_KINDS
from app.messaging.contact_policy.contact_attempts import series_of
from app.messaging.models import NotificationState

_OF_A_MESSAGE = {NotificationState.SENT: "sent", NotificationState.FAILED: "failed"}


def count(session: Session, ends: Sequence[tuple[StepContext, Outcome]]) -> None:
    """Count the ends of a batch, in its transaction."""
    counts: dict[Series, Counter[str]] = defaultdict(Counter)
    for context, end in ends:
        step: Any = context.step  # its row
        slug, what = _slug(context), _came_to(step, end)
        if slug and what:
            counts[Series(step.clinic_id, slug)][what] += 1
    outcome_statistics.add_counts(session, counts)


def _slug(context: StepContext) -> str | None:
    """Messages to people of the clinic belong to none."""
    return context.notification.series if context.notification else series_of(context.step)


def _came_to(step: Any, end: Outcome) -> str | None:
    """One of the names of `Figures`; a message counts when it was sent, not when it was written."""
    kind = STEP_KINDS[step.kind]
    if kind.name == Kind.DELIVER:
        return next((_OF_A_MESSAGE.get(changed["state"]) for changed in end.effects.notification_states), None)
    if isinstance(end, Fail) or (isinstance(end, Retry) and step.attempts + 1 >= kind.max_tries):
        return "failed"
    return "done" if isinstance(end, Done) and not kind.writes_to_lead else None

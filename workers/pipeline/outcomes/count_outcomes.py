"""Outcome counts by rule and sequence. The circuit breaker pauses rules by them."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import cast

from sqlalchemy.orm import Session

from app.automation.handlers.support.context import StepContext
from app.engine.models import Kind
from app.engine.outcomes import Done, Fail, Outcome, Retry
from app.engine.statistics import outcome_statistics
from app.engine.statistics.outcome_statistics import Series
from app.engine.step_kind import STEP_KINDS
from app.messaging.contact_policy.contact_attempts import series_of
from app.messaging.models import NotificationState
from workers.pipeline.claim import ClaimedStep

_MESSAGE_RESULTS: Mapping[str, str] = {NotificationState.SENT: "sent", NotificationState.FAILED: "failed"}


def count(session: Session, ends: Sequence[tuple[StepContext, Outcome]]) -> None:
    """Count the outcomes of a batch in its transaction."""
    counts: dict[Series, Counter[str]] = defaultdict(Counter)
    for context, end in ends:
        step = cast("ClaimedStep", context.step)
        slug, what = _slug(context), _result_of(step, end)
        if slug and what:
            counts[Series(step.clinic_id, slug)][what] += 1
    outcome_statistics.add_counts(session, counts)


def _slug(context: StepContext) -> str | None:
    """Return the rule or sequence. Messages to users of the clinic have none."""
    return context.notification.series if context.notification else series_of(context.step)


def _result_of(step: ClaimedStep, end: Outcome) -> str | None:
    """Return a name of `Figures`. A message counts when it is sent, not when it is written."""
    kind = STEP_KINDS[step.kind]
    if kind.name == Kind.DELIVER:
        return next((_MESSAGE_RESULTS.get(changed["state"]) for changed in end.effects.notification_states), None)
    if isinstance(end, Fail) or (isinstance(end, Retry) and step.attempts + 1 >= kind.max_tries):
        return "failed"
    return "done" if isinstance(end, Done) and not kind.writes_to_lead else None

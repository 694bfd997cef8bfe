"""Recurring steps: plan the next repetition when one ends."""

from collections.abc import Iterable
from typing import cast

from sqlalchemy.orm import Session

from app.automation.handlers.support.context import StepContext
from app.engine.models import Reason
from app.engine.outcomes import BaseOutcome, Done, Fail, ResultUnknown, Retry, Row, Skip
from app.engine.plan.follow_up_steps import next_repetition, repeats
from app.engine.service import planned_row
from app.engine.step_kind import STEP_KINDS
from app.identity.clinic_context import ClinicContext
from app.identity.clinics import load_context
from workers.pipeline.claim import ClaimedStep


def next_steps(session: Session, ended: Iterable[tuple[StepContext, BaseOutcome]]) -> list[Row]:
    """Return the rows of the next repetitions. A step that failed is followed, too."""
    return [_next(session, context) for context, end in ended if _repeats(context, end)]


def _repeats(context: StepContext, end: BaseOutcome) -> bool:
    return (
        "every" in context.step.cause and _is_over(context, end) and repeats(context.step, _skipped(end), context.rules)
    )


def _is_over(context: StepContext, end: BaseOutcome) -> bool:
    match end:
        case Done() | Skip() | Fail() | ResultUnknown():
            return True
        case Retry():
            return context.step.attempts + 1 >= STEP_KINDS[context.step.kind].max_tries
    return False


def _skipped(end: BaseOutcome) -> Reason | None:
    return end.reason if isinstance(end, Skip) else None


def _next(session: Session, context: StepContext) -> Row:
    step = cast("ClaimedStep", context.step)
    # The context of a step that failed as it was written has no clinic.
    clinic = cast("ClinicContext | None", context.clinic) or load_context(session, step.clinic_id)
    return planned_row(step.clinic_id, step.lead_id, next_repetition(step, context.now, clinic.calendar))

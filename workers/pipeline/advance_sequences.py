"""Sequence progression: plan the next step when a step ends."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy.orm import Session

from app import clock
from app.automation.handlers.support.context import StepContext
from app.automation.sequences.enrollments.advance import StepEnd, advance
from app.core.type_aliases import JsonObject
from app.engine.outcomes import BaseOutcome, Cancel, Done, Skip


class _Result(NamedTuple):
    reason: str | None
    details: JsonObject


def advance_enrollments(session: Session, decided: Iterable[tuple[StepContext, BaseOutcome]]) -> None:
    """Advance the enrollments with steps that are done, skipped or cancelled. A failed step blocks its enrollment."""
    of_sequences = [(context, end) for context, end in decided if "enrollment_id" in context.step.cause]
    ends = [_step_end(context, result) for context, end in of_sequences if (result := _result(end))]
    if ends:
        advance(session, ends, at=clock.now())


def _result(end: BaseOutcome) -> _Result | None:
    match end:
        case Done(made=made):
            return _Result(None, made)
        case Skip(reason=reason, detail=detail):
            return _Result(reason, detail)
        case Cancel(reason=reason):
            return _Result(reason, {})
    return None


def _step_end(context: StepContext, result: _Result) -> StepEnd:
    step = context.step
    return StepEnd(step.id, step.kind, step.cause, context.clinic.calendar, *result)

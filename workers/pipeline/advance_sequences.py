"""Steps of sequences: with the end of one the next is planned."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from app import clock
from app.automation.handlers.context import StepContext
from app.automation.sequences.enrollments.advance import Ended, advance
from app.engine.outcomes import BaseOutcome as End
from app.engine.outcomes import Cancel, Done, Skip


class _Said(NamedTuple):
    reason: str | None
    told: Mapping[str, Any]


def advance_enrollments(session: Session, decided: Iterable[tuple[StepContext, End]]) -> None:
    """Move on the enrollments whose steps ended for good. One that failed holds its own until it is tried again."""
    of_sequences = [(context, end) for context, end in decided if "enrollment_id" in context.step.cause]
    ends = [_ended(context, said) for context, end in of_sequences if (said := _said(end))]
    if ends:
        advance(session, ends, at=clock.now())


def _said(end: End) -> _Said | None:
    match end:
        case Done(made=made):
            return _Said(None, made)
        case Skip(reason=reason, detail=detail):
            return _Said(reason, detail)
        case Cancel(reason=reason):
            return _Said(reason, {})
    return None


def _ended(context: StepContext, said: _Said) -> Ended:
    step = context.step
    return Ended(step.id, step.kind, step.cause, context.clinic.calendar, *said)

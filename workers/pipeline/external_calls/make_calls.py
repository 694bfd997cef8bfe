"""External calls of a batch. No transaction is open, because the answers may take long."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import structlog

from app.automation.handlers.support.context import StepContext
from app.core.telemetry.logs import of_request
from app.engine.outcomes import ExternalCall, Outcome
from app.engine.step_kind import STEP_KINDS, AnyOutsideCall
from workers.error_text import describe_error

Calls: TypeAlias = Sequence[tuple[StepContext, ExternalCall]]  # of steps of one kind
Ends: TypeAlias = Sequence[tuple[StepContext, Outcome]]

log = structlog.get_logger()


def make_calls(calls: Calls) -> Iterator[Ends]:
    """Make the calls, and yield the outcomes as soon as they are known: one by one, or together with `ask_all`."""
    if not calls:
        return
    outside = STEP_KINDS[calls[0][0].step.kind].outside
    assert outside is not None  # noqa: S101  (only kinds with `outside` return an ExternalCall)
    if outside.ask_all is not None:
        yield _ask_all(outside, calls)
    else:
        for context, call in calls:
            yield [(context, _ask(outside, context, call.question))]


def _ask(outside: AnyOutsideCall, context: StepContext, question: Any) -> Outcome:
    with of_request(context.step.cause.get("request_id"), step_id=context.step.id):
        try:
            answer = outside.ask(question)
        except Exception as error:
            log.exception("step.cut_off", step=str(context.step.id), name=context.step.name)
            return outside.cut_off(context, question, describe_error(error))
        return outside.conclude(context, question, answer)


def _ask_all(outside: AnyOutsideCall, calls: Calls) -> Ends:
    assert outside.ask_all is not None  # noqa: S101  (checked by the caller)
    try:
        answers = outside.ask_all([call.question for _, call in calls])
    except Exception as error:
        log.exception("batch.cut_off", kind=calls[0][0].step.kind, steps=len(calls))
        words = describe_error(error)
        return [(context, outside.cut_off(context, call.question, words)) for context, call in calls]
    return [
        (context, outside.conclude(context, call.question, answer))
        for (context, call), answer in zip(calls, answers, strict=True)
    ]

"""Traces: one span for each step that a batch ran."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, cast

from app import clock
from app.automation.handlers.support.context import StepContext
from app.core.telemetry import traces
from app.core.telemetry.spans import Phase, StepRun
from app.engine.outcomes import BaseOutcome, Cancel, ExternalCall, Fail, ResultUnknown, Retry, Skip, Snooze
from workers.pipeline.claim import ClaimedStep

_FAILURES: Final = (Retry, Fail, ResultUnknown)


class Phases:
    """The phases of a run, in order: when each ended."""

    def __init__(self, began: datetime, ended: Sequence[Phase] = ()) -> None:
        self.began = began
        self.ended = list(ended)

    def end(self, name: str) -> None:
        """Note that a phase ends now."""
        self.ended.append(Phase(name, clock.now()))

    def copy(self) -> "Phases":
        """Return the phases so far, for a step that goes on alone."""
        return Phases(self.began, self.ended)


def add_spans(ended: Sequence[tuple[StepContext, BaseOutcome]], phases: Phases) -> None:
    """Add a span for each step that ended, unless traces are off. Steps that wait for an answer get theirs with it."""
    if exporter := traces.exporter():
        runs = [_run(context, outcome) for context, outcome in ended if not isinstance(outcome, ExternalCall)]
        exporter.add_steps(runs, began=phases.began, phases=phases.ended)


def _run(context: StepContext, outcome: BaseOutcome) -> StepRun:
    step = cast("ClaimedStep", context.step)
    return StepRun(
        id=step.id,
        kind=step.kind,
        attempt=step.attempts,
        cause=step.cause,
        is_failure=isinstance(outcome, _FAILURES),
        attributes={
            "relance.step_id": str(step.id),
            "relance.step": step.name,
            "relance.clinic_id": str(step.clinic_id),
            "relance.lead_id": str(step.lead_id) if step.lead_id else None,
            "relance.request_id": step.cause.get("request_id"),
            "relance.attempt": step.attempts,
            "relance.result": type(outcome).__name__.lower(),
            "relance.reason": outcome.reason if isinstance(outcome, Skip | Cancel | Snooze) else None,
            "relance.late_ms": round((context.now - step.due_at).total_seconds() * 1000),
        },
    )

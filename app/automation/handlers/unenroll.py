"""`unenroll`: take the lead out of a sequence."""

from typing import Any

from app.engine.outcomes import Done, Effects, Outcome
from workers.pipeline.context import StepContext
from workers.pipeline.enrollments import Departure


def decide(context: StepContext) -> Outcome:
    """If it is in it."""
    made: dict[str, Any] = {"sequence": context.params["sequence"]}
    return Done(made, effects=Effects(enrolments=(Departure(context, made),)))

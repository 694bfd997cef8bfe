"""`enroll`: put the lead into a sequence."""

from typing import Any

from app.engine.outcomes import Done, Effects, Outcome
from workers.pipeline.context import StepContext
from workers.pipeline.enrollments import Entry


def decide(context: StepContext) -> Outcome:
    """If it may be in it: what came of it stands in the step's outcome."""
    made: dict[str, Any] = {"sequence": context.params["sequence"]}
    return Done(made, effects=Effects(enrolments=(Entry(context, made),)))

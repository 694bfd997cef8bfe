"""`enroll`: put the lead into a sequence."""

from typing import Any

from workers.context import StepContext
from workers.enrolments import Entry
from workers.outcomes import Done, Effects, Outcome


def decide(context: StepContext) -> Outcome:
    """If it may be in it: what came of it stands in the step's outcome."""
    made: dict[str, Any] = {"sequence": context.params["sequence"]}
    return Done(made, effects=Effects(enrolments=(Entry(context, made),)))

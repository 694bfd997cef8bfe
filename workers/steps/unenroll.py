"""`unenroll`: take the lead out of a sequence."""

from typing import Any

from workers.context import StepContext
from workers.enrolments import Departure
from workers.outcomes import Done, Effects, Outcome


def decide(context: StepContext) -> Outcome:
    """If it is in it."""
    made: dict[str, Any] = {"sequence": context.params["sequence"]}
    return Done(made, effects=Effects(enrolments=(Departure(context, made),)))

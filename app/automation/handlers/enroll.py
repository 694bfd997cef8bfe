"""`enroll`: enroll the lead in a sequence."""

from typing import Any

from app.automation.handlers.changes import Enroll
from app.automation.handlers.context import StepContext
from app.engine.outcomes import Done, Effects, Outcome
from app.engine.step_kind import Settings, StepKind, Words


def decide(context: StepContext) -> Outcome:
    """Enroll it, if the sequence accepts it: the result stands in the step's outcome."""
    made: dict[str, Any] = {"sequence": context.params["sequence"]}
    return Done(made, effects=Effects(changes=(Enroll(made["sequence"], made),)))


def _sentence(into: Settings) -> str:
    return f"Put the lead into the sequence {into['sequence']}"


KIND = StepKind(
    name="enroll",
    decide=decide,
    words=Words(_sentence, about="Put the lead into a sequence, if it may be in it.", example="{sequence: onboarding}"),
)

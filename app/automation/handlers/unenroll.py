"""`unenroll`: take the lead out of a sequence."""

from typing import Any

from app.automation.handlers.changes import Unenroll
from app.automation.handlers.context import StepContext
from app.engine.outcomes import Done, Effects, Outcome
from app.engine.sequences.sequence import ExitReason
from app.engine.step_kind import Settings, StepKind, Words


def decide(context: StepContext) -> Outcome:
    """Take it out, if it is enrolled: the result stands in the step's outcome."""
    made: dict[str, Any] = {"sequence": context.params["sequence"]}
    reason = ExitReason(context.params.get("reason", ExitReason.UNENROLLED))
    return Done(made, effects=Effects(changes=(Unenroll(made["sequence"], made, reason),)))


def _sentence(out_of: Settings) -> str:
    return f"Take the lead out of the sequence {out_of['sequence']}"


KIND = StepKind(
    name="unenroll",
    decide=decide,
    words=Words(_sentence, about="Take the lead out of a sequence, if it is in it.", example="{sequence: onboarding}"),
)

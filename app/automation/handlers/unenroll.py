"""`unenroll`: take the lead out of a sequence."""

from typing import ClassVar

from app.automation.handlers.support import changes
from app.automation.handlers.support.context import StepContext
from app.automation.language.params import Params, SequenceSlug
from app.core.type_aliases import JsonDict
from app.engine.outcomes import Done, Effects, Outcome
from app.engine.sequences.sequence import ExitReason
from app.engine.step_kind import Settings, StepKind


class Unenroll(Params):
    """Take the lead out of a sequence."""

    example: ClassVar[object] = {"sequence": "onboarding"}

    sequence: SequenceSlug


def decide(context: StepContext) -> Outcome:
    """Unenroll the lead if it is enrolled. The step's outcome has the result."""
    made: JsonDict = {"sequence": context.params["sequence"]}
    reason = ExitReason(context.params.get("reason", ExitReason.UNENROLLED))
    change = changes.Unenroll(made["sequence"], made, reason, context.step.cause.get("keys"))
    return Done(made, effects=Effects(changes=(change,)))


def _sentence(settings: Settings) -> str:
    return f"Take the lead out of the sequence {settings['sequence']}"


KIND = StepKind(
    name="unenroll",
    decide=decide,
    params=Unenroll,
    reads_keys=True,
    sentence=_sentence,
)

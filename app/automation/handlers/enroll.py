"""`enroll`: enroll the lead in a sequence."""

from typing import ClassVar

from app.automation.handlers.support import changes
from app.automation.handlers.support.context import StepContext
from app.automation.language.params import Params, SequenceSlug
from app.core.type_aliases import JsonDict
from app.engine.outcomes import Done, Effects, Outcome
from app.engine.step_kind import Settings, StepKind


class Enroll(Params):
    """Enroll the lead in a sequence, if the sequence accepts it."""

    example: ClassVar[object] = {"sequence": "onboarding"}

    sequence: SequenceSlug


def decide(context: StepContext) -> Outcome:
    """Enroll the lead if the sequence accepts it. The step's outcome has the result."""
    made: JsonDict = {"sequence": context.params["sequence"]}
    return Done(made, effects=Effects(changes=(changes.Enroll(made["sequence"], made),)))


def _sentence(settings: Settings) -> str:
    return f"Enroll the lead in the sequence {settings['sequence']}"


KIND = StepKind(
    name="enroll",
    decide=decide,
    params=Enroll,
    sentence=_sentence,
)

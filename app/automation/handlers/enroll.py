"""`enroll`: enroll the lead in a sequence."""

from typing import Annotated, ClassVar

from pydantic import Field

from app.automation.handlers.support import changes
from app.automation.handlers.support.context import StepContext
from app.automation.language.base import Maybe
from app.automation.language.docs.sentences import plain
from app.automation.language.event_keys import EventKey
from app.automation.language.params import Params, SequenceSlug
from app.core.type_aliases import JsonDict
from app.engine.events.keys import key_at, key_name
from app.engine.models import Reason
from app.engine.outcomes import Done, Effects, Outcome, Skip
from app.engine.step_kind import Settings, StepKind


class Enroll(Params):
    """Enroll the lead in a sequence, if the sequence accepts it."""

    example: ClassVar[object] = {"sequence": "onboarding"}

    sequence: SequenceSlug
    key: Maybe[Annotated[str, EventKey()]] = Field(
        default=None,
        description="The value of the event that says what the enrollment is about; as the sequence says unless given.",
        examples=["event.data.invoice"],
    )


def decide(context: StepContext) -> Outcome:
    """Enroll the lead if the sequence accepts it. The step's outcome has the result."""
    made: JsonDict = {"sequence": context.params["sequence"]}
    path = context.params.get("key") or _key_of(context, made["sequence"])
    if path is None:
        return Done(made, effects=Effects(changes=(changes.Enroll(made["sequence"], made),)))
    key = key_at(path, context.step.cause.get("keys"))
    if key is None:
        return Skip(Reason.NO_KEY, {**made, "key": path})
    return Done(made, effects=Effects(changes=(changes.Enroll(made["sequence"], made, key),)))


def _key_of(context: StepContext, slug: str) -> str | None:
    sequence = context.sequences.by_slug.get(slug)
    return sequence.key if sequence else None


def _sentence(settings: Settings) -> str:
    once = f", once for each {plain(key_name(settings['key']))}" if "key" in settings else ""
    return f"Enroll the lead in the sequence {settings['sequence']}{once}"


KIND = StepKind(
    name="enroll",
    decide=decide,
    params=Enroll,
    reads_keys=True,
    sentence=_sentence,
)

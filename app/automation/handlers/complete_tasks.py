"""`complete_tasks`: complete tasks whose purpose is fulfilled (bansalcrm2-follow-up-guide.md, use case 2)."""

from app.automation.handlers.changes import CompleteTasks
from app.automation.handlers.context import StepContext
from app.automation.language.docs.sentences import value
from app.engine.outcomes import Done, Effects, Outcome
from app.engine.step_kind import SMALL_BATCH, Settings, StepKind, Words


def decide(context: StepContext) -> Outcome:
    """Complete each of them as a person would: its events set off other rules."""
    types = context.params["types"]
    return Done({"types": types}, effects=Effects(changes=(CompleteTasks(types),)))


def _sentence(done: Settings) -> str:
    return f"The lead's open tasks are done: {value(done['types'])}"


KIND = StepKind(
    name="complete_tasks",
    decide=decide,
    batch=SMALL_BATCH,
    words=Words(
        _sentence,
        about="The lead's open tasks of these types are done, for what they were about has happened.",
        example="{types: [PAYMENT]}",
    ),
)

"""`complete_tasks`: complete tasks that are no longer needed (bansalcrm2-follow-up-guide.md, use case 2)."""

from typing import Annotated, ClassVar

from pydantic import Field

from app.automation.handlers.support import changes
from app.automation.handlers.support.context import StepContext
from app.automation.language.docs.sentences import value
from app.automation.language.params import Params
from app.automation.language.types.containers import Items
from app.automation.language.types.primitives import OneOf
from app.engine.outcomes import Done, Effects, Outcome
from app.engine.step_kind import SMALL_BATCH, Settings, StepKind
from app.tasks.models import TaskType


class CompleteTasks(Params):
    """Complete the lead's open tasks of these types."""

    example: ClassVar[object] = {"types": ["PAYMENT"]}

    types: Annotated[
        list[Annotated[TaskType, OneOf()]], Items("must be a list of task types", most=len(TaskType), least=1)
    ] = Field(description="The types of task.", examples=[["PAYMENT"]])


def decide(context: StepContext) -> Outcome:
    """Complete the tasks as a user would: the events can trigger other rules."""
    types = context.params["types"]
    return Done({"types": types}, effects=Effects(changes=(changes.CompleteTasks(types),)))


def _sentence(settings: Settings) -> str:
    return f"Complete the lead's open tasks: {value(settings['types'])}"


KIND = StepKind(
    name="complete_tasks",
    decide=decide,
    params=CompleteTasks,
    sequence_params=CompleteTasks,
    batch=SMALL_BATCH,
    sentence=_sentence,
)

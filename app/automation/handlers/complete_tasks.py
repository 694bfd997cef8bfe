"""`complete_tasks`: complete tasks that are no longer needed (bansalcrm2-follow-up-guide.md, use case 2)."""

from typing import Annotated, ClassVar

from pydantic import Field

from app.automation.handlers.support import changes
from app.automation.handlers.support.context import StepContext
from app.automation.language.base import Maybe
from app.automation.language.docs.sentences import plain, value
from app.automation.language.event_keys import EventKey
from app.automation.language.params import Params
from app.automation.language.types.containers import Items
from app.automation.language.types.primitives import OneOf
from app.engine.events.keys import event_key, key_at, key_name
from app.engine.models import Reason
from app.engine.outcomes import Done, Effects, Outcome, Skip
from app.engine.step_kind import SMALL_BATCH, Settings, StepKind
from app.tasks.models import TaskType


class CompleteTasks(Params):
    """Complete the lead's open tasks of these types."""

    example: ClassVar[object] = {"types": ["PAYMENT"]}

    types: Annotated[
        list[Annotated[TaskType, OneOf()]], Items("must be a list of task types", most=len(TaskType), least=1)
    ] = Field(description="The types of task.", examples=[["PAYMENT"]])


class CompleteKeyedTasks(CompleteTasks):
    """Complete the lead's open tasks of these types. Tasks of enrollments about another thing than the event stay."""

    key: Maybe[Annotated[str, EventKey()]] = Field(
        default=None,
        description="A value of the event: only tasks of enrollments about the same value are completed.",
        examples=["event.data.invoice"],
    )


def decide(context: StepContext) -> Outcome:
    """Complete the tasks as a user would: the events can trigger other rules.

    A step of a keyed enrollment completes only the tasks about the same thing.
    """
    types, cause = context.params["types"], context.step.cause
    path, own, keys = context.params.get("key"), event_key(cause), cause.get("keys")
    if path and (own := key_at(path, keys)) is None:
        return Skip(Reason.NO_KEY, {"types": types, "key": path})
    change = changes.CompleteTasks(types, [own], only_keyed=True) if own else changes.CompleteTasks(types, keys)
    return Done({"types": types}, effects=Effects(changes=(change,)))


def _sentence(settings: Settings) -> str:
    about = f" about the same {plain(key_name(settings['key']))}" if "key" in settings else ""
    return f"Complete the lead's open tasks{about}: {value(settings['types'])}"


KIND = StepKind(
    name="complete_tasks",
    decide=decide,
    params=CompleteKeyedTasks,
    reads_keys=True,
    sequence_params=CompleteTasks,
    batch=SMALL_BATCH,
    sentence=_sentence,
)

"""`assign`: assign the lead to a user, or by the clinic's assignment rules."""

from typing import Annotated, ClassVar, Final
from uuid import UUID

from pydantic import Field

from app.automation.handlers.support.changes import AssignByRules, AssignTo
from app.automation.handlers.support.context import StepContext
from app.automation.language.params import Params
from app.automation.language.types.user_reference import UserIdOr
from app.engine.models import Reason
from app.engine.outcomes import Done, Effects, Outcome, Skip
from app.engine.step_kind import SMALL_BATCH, Settings, StepKind

BY_RULES: Final = "by_rules"


class Assign(Params):
    """Assign the lead to a user, or to the user that assignment rules choose."""

    example: ClassVar[object] = {"to": BY_RULES}

    to: Annotated[str, UserIdOr(BY_RULES)] = Field(
        description=f"`{BY_RULES}`, or the id of an active user who may work on leads.", examples=[BY_RULES]
    )


def decide(context: StepContext) -> Outcome:
    """Assign the lead with history, timeline and event, as a manual assignment does."""
    to = context.params["to"]
    if to == BY_RULES:
        return Done({"to": to}, effects=Effects(changes=(AssignByRules(),)))
    person = context.person(UUID(to))
    if person is None or not person.may_work:
        return Skip(Reason.NOBODY_TO_TELL)
    if context.lead.assigned_to_id == person.id:
        return Skip(Reason.ALREADY_SO)
    return Done({"to": to}, effects=Effects(changes=(AssignTo(person.id),)))


def _sentence(settings: Settings) -> str:
    by = "by the assignment rules" if settings["to"] == BY_RULES else "to a user"
    return f"Assign the lead {by}"


KIND = StepKind(
    name="assign",
    decide=decide,
    params=Assign,
    sequence_params=Assign,
    batch=SMALL_BATCH,
    sentence=_sentence,
)

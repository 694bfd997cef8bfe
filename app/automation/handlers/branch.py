"""`branch`: choose one of two lists of actions when the step is due (bansalcrm2-follow-up-guide.md)."""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from app.automation.handlers.support.context import StepContext
from app.automation.language.actions import Nested
from app.automation.language.base import Maybe
from app.automation.language.conditions import DueConditions, EnrolledConditions
from app.automation.language.docs.sentences import of_action, of_conditions
from app.automation.language.params import Params
from app.automation.language.sequences import Target
from app.automation.language.types.errors import Line
from app.automation.language.types.impossible import contradictions, needs_no_task
from app.core.type_aliases import JsonObject
from app.engine.outcomes import Done, Effects, Outcome
from app.engine.plan.follow_up_steps import choose_branch
from app.engine.service import planned_row
from app.engine.step_kind import Details, Settings, StepKind


def _mistakes_of_if(given: JsonObject) -> Iterator[Line]:
    if given.get("if") == []:
        yield Line(("if",), "is empty: it needs at least one condition")
    yield from contradictions(given.get("if"), ("if",))


class Branch(Params):
    """Do one list of actions or the other, decided when the step is due."""

    example: ClassVar[object] = {
        "if": [{"field": "lead.replied_at", "exists": True}],
        "then": [{"assign": {"to": "by_rules"}}],
    }

    if_: DueConditions = Field(alias="if", description="Conditions; all of them have to hold.")
    then: Nested = Field(description="The actions if they hold.")
    else_: Maybe[Nested] = Field(default=None, alias="else", description="The actions if they do not hold.")

    @classmethod
    def conflicts(cls, given: JsonObject) -> Iterator[Line]:
        """Yield the conditions that never hold, and a mistake where there are none."""
        yield from _mistakes_of_if(given)


class SequenceBranch(Params):
    """Continue with one step or the other, decided when the step is due."""

    example: ClassVar[object] = {"if": [{"field": "enrollment.last_opened", "equals": True}], "then": "call"}

    if_: EnrolledConditions = Field(alias="if", description="Conditions; all of them have to hold.")
    then: Target = Field(description="The next step if they hold: a later one, or `end`.", examples=["call"])
    else_: Maybe[Target] = Field(
        default=None,
        alias="else",
        description="The next step if they do not hold; unless given: the next in the list.",
        examples=["again"],
    )

    @classmethod
    def conflicts(cls, given: JsonObject) -> Iterator[Line]:
        """Yield the conditions that never hold, and a mistake where there are none."""
        yield from _mistakes_of_if(given)
        yield from needs_no_task(given.get("if"), ("if",))

    @classmethod
    def step_conflicts(cls, step: JsonObject) -> Iterator[Line]:
        """Yield a mistake for `next`, which a branch does not have."""
        if "next" in step:
            yield Line(("next",), "is not for a branch: it says `then` and `else`")


def decide(context: StepContext) -> Outcome:
    """Plan the actions of the chosen branch, due now."""
    way = choose_branch(context.step, context.facts(), context.now, context.clinic.calendar)
    steps = tuple(planned_row(context.clinic.id, context.lead.id, step) for step in way.steps)
    return Done({"way": way.name, "step_ids": [step["id"] for step in steps]}, effects=Effects(steps=steps))


def _details(_: StepContext, done: Done) -> Details:
    return {"way": done.made["way"]}


def _sentence(branch: Settings) -> str:
    ways = [", then ".join(map(of_action, branch[way])) for way in ("then", "else") if way in branch]
    return f"If {of_conditions(branch['if'])}: {'; otherwise '.join(ways)}"


KIND = StepKind(
    name="branch",
    decide=decide,
    params=Branch,
    reads_keys=True,
    sequence_params=SequenceBranch,
    details=_details,
    sentence=_sentence,
)

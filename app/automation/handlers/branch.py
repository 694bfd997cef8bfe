"""`branch`: one of two ways, decided when the step is due (bansalcrm2-follow-up-guide.md, conditional logic)."""

from app.automation.handlers.context import StepContext
from app.automation.language.docs.sentences import of_action, of_conditions
from app.engine.outcomes import Done, Effects, Outcome
from app.engine.plan.follow_up_steps import choose_branch
from app.engine.service import planned_row
from app.engine.step_kind import Details, Settings, StepKind, Words


def decide(context: StepContext) -> Outcome:
    """Plan the actions of the way whose conditions hold, for now."""
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
    details=_details,
    words=Words(
        _sentence,
        about="One way or the other, decided when it is due.",
        example="{if: [{field: lead.replied_at, exists: true}], then: [{assign: {to: by_rules}}]}",
    ),
)

"""`branch`: which way it goes on is decided when it is due (bansalcrm2-follow-up-guide.md, conditional logic)."""

from app.engine.outcomes import Done, Effects, Outcome
from app.engine.plan.follow_up_steps import way_of
from app.engine.service import planned_row
from workers.pipeline.context import StepContext


def decide(context: StepContext) -> Outcome:
    """Plan the actions of the way whose conditions hold, for now."""
    way = way_of(context.step, context.facts(), context.now, context.clinic.calendar)
    steps = tuple(planned_row(context.clinic.id, context.lead.id, step) for step in way.steps)
    return Done({"way": way.name, "step_ids": [step["id"] for step in steps]}, effects=Effects(steps=steps))

"""`branch`: which way it goes on is decided when it is due (bansalcrm2-follow-up-guide.md, conditional logic)."""

from collections.abc import Mapping
from typing import Any

from app.automation.conditions import holds
from app.automation.models import Kind
from app.automation.plan import params_of
from app.automation.service import step_row
from workers.context import StepContext
from workers.outcomes import Done, Effects, Outcome, Row


def decide(context: StepContext) -> Outcome:
    """Plan the actions of the way whose conditions hold, for now: steps of their own, stopped by what stops this."""
    facts = context.facts()
    way = "then" if all(holds(condition, facts) for condition in context.params["if"]) else "else"
    actions = context.params.get(way, [])
    steps = tuple(_step(context, action, f"{way}:{i}") for i, action in enumerate(actions))
    return Done({"way": way, "step_ids": [step["id"] for step in steps]}, effects=Effects(steps=steps))


def _step(context: StepContext, action: Mapping[str, Any], place: str) -> Row:
    [(kind, settings)] = action.items()
    step = context.step
    kept = {name: step.params[name] for name in ("task_id", "scheduled_for") if name in step.params}
    return step_row(
        context.clinic.id,
        context.lead.id,
        kind=Kind(kind),
        name=step.name,
        params={**kept, **params_of(Kind(kind), settings, context.now, context.clinic.calendar)},
        cause=step.cause,
        guard=step.guard,
        stop_on=step.stop_on,
        lateness=step.lateness,
        due_at=context.now,
        dedupe_key=f"{step.dedupe_key}:{place}" if step.dedupe_key else None,
    )

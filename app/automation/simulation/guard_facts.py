"""The facts of a simulated world that the guard of a step is checked against when it is due."""

from typing import Any

from app.automation.simulation.enrollments import facts_of_enrollment
from app.automation.simulation.lead import more_of
from app.automation.simulation.state import SimulatedStep
from app.automation.simulation.world import World
from app.tasks.facts import facts_when_due


def facts_of(world: World, step: SimulatedStep) -> dict[str, dict[str, Any]]:
    """As they are now, for this step."""
    task = world.task(step.params.get("task_id"))
    at = world.setting.clinic.calendar.local(world.now)
    more = more_of(world.lead, world.next_follow_up_at)
    facts = facts_when_due(world.lead, task, at=at, since=step.created_at, more=more)
    return {**facts, "enrollment": facts_of_enrollment(world, step)}

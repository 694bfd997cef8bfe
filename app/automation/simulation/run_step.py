"""Running a step of a simulated world when it is due: what decides whether it may is what workers ask, too."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from app.automation.simulation.endings import Done, PutOff
from app.automation.simulation.enrollments import advance
from app.automation.simulation.guard_facts import facts_of
from app.automation.simulation.kinds import KINDS
from app.automation.simulation.state import SimulatedStep, to_come
from app.automation.simulation.timeline import What
from app.automation.simulation.world import World
from app.engine.models import Reason, StepState
from app.engine.plan.follow_up_steps import comes_again, next_step
from app.engine.steps.guard import refusal


def run_step(world: World, step: SimulatedStep) -> None:
    """Its guard, then what its kind does; where a reason comes back, it did nothing."""
    late, is_active = world.now - step.due_at, world.setting.has_active(step.cause)
    refused = refusal(step, world.lead, late=late, rule_is_active=is_active, facts=partial(facts_of, world, step))
    ending = refused.reason if refused else KINDS[step.kind](world, step)
    match ending:
        case Done(details, follow):
            _end(world, step, StepState.DONE, details=details)
            if follow:
                follow()
        case PutOff(until, reason):
            step.due_at, step.reason = until, reason
            world.queue(step)
            world.tell_of(step, What.PUT_OFF, reason=reason, details={"until": until})
        case reason:
            _end(world, step, StepState.SKIPPED, reason, details=refused.detail if refused else {})


def _end(
    world: World, step: SimulatedStep, state: StepState, reason: Reason | None = None, *, details: Mapping[str, Any]
) -> None:
    """It is over; where it comes again, the next one is planned."""
    world.end(step, state, reason)
    again = world.plan(next_step(step, world.now, world.setting.clinic.calendar)) if comes_again(step, reason) else None
    what = What.DONE if state is StepState.DONE else What.SKIPPED
    world.tell_of(step, what, reason=reason, details=details, planned=(to_come(again),) if again else ())
    advance(world, step, reason, details)

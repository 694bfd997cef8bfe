"""Running a step of a simulated world when it is due: the guard and the handler are those that workers run."""

from collections.abc import Mapping
from typing import Any

from app.automation.handlers.guard import decide
from app.automation.simulation.contexts import context_of
from app.automation.simulation.effects import follow, write
from app.automation.simulation.enrollments import advance
from app.automation.simulation.state import SimulatedStep, to_come
from app.automation.simulation.timeline import What
from app.automation.simulation.world import World
from app.engine.models import Reason, StepState
from app.engine.outcomes import Cancel, Done, ExternalCall, Skip, Snooze
from app.engine.plan.follow_up_steps import next_repetition, repeats
from app.engine.step_kind import STEP_KINDS

_STATES: Mapping[What, StepState] = {
    What.DONE: StepState.DONE,
    What.SKIPPED: StepState.SKIPPED,
    What.CANCELLED: StepState.CANCELLED,
}


def run_step(world: World, step: SimulatedStep) -> None:
    """Decide, and carry out what follows. Another system is never asked: the call counts as done."""
    kind, context = STEP_KINDS[step.kind], context_of(world, step)
    match decide(kind, context):
        case Done() as done:
            _finish(world, step, done, kind.details(context, done))
        case ExternalCall(effects=effects):
            done = Done(effects=effects)
            _finish(world, step, done, kind.details(context, done))
        case Skip(reason=reason, detail=detail):
            _end(world, step, What.SKIPPED, reason=reason, details=detail, told=detail)
        case Cancel(reason=reason):
            _end(world, step, What.CANCELLED, reason=reason, details={}, told={})
        case Snooze(until=until, reason=reason):
            step.due_at, step.reason = until, reason
            world.queue(step)
            world.tell_of(step, What.PUT_OFF, reason=reason, details={"until": until})
        case failed:
            world.end(step, StepState.FAILED)
            world.tell_of(step, What.FAILED, details={"error": failed.error})


def _finish(world: World, step: SimulatedStep, done: Done, details: Mapping[str, Any]) -> None:
    write(world, step, done.effects)
    _end(world, step, What.DONE, reason=None, details=details, told=done.made)
    follow(world, step, done.effects)


def _end(
    world: World,
    step: SimulatedStep,
    what: What,
    *,
    reason: Reason | None,
    details: Mapping[str, Any],
    told: Mapping[str, Any],
) -> None:
    """End the step; where it comes again, plan the next one; move its enrollment on."""
    world.end(step, _STATES[what], reason)
    is_recurring = what is not What.CANCELLED and repeats(step, reason)
    again = world.plan(next_repetition(step, world.now, world.setting.clinic.calendar)) if is_recurring else None
    world.tell_of(step, what, reason=reason, details=details, planned=(to_come(again),) if again else ())
    advance(world, step, reason, told)

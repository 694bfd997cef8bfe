"""Taking note of what happens in a simulated world, as `app.engine.service.record` does in the real one."""

from collections.abc import Sequence

from app.automation.simulation.enrollments import follow_events
from app.automation.simulation.lead import more_of
from app.automation.simulation.state import SimulatedStep
from app.automation.simulation.timeline import Planned, What
from app.automation.simulation.world import World
from app.engine.events.events import NO_CHAIN, Chain, Event, stop_reason
from app.engine.models import StepState
from app.engine.plan.plan import Plan, plan
from app.engine.rules.rule_evaluation import RuleVerdict


def record(world: World, *events: Event, led_by: Chain = NO_CHAIN) -> None:
    """Stop what these events end, then plan what the rules want; `led_by` is what led to them, where a step did."""
    stopping = [event for event in events if stop_reason(event.name)]
    stopped = [(step, by) for step in world.pending if (by := _stopping(step, stopping))] if stopping else []
    for step, by in stopped:
        world.end(step, StepState.CANCELLED, stop_reason(by.name))
    followed = world.aside(lambda: follow_events(world, events)) if world.enrollments else []
    for event in events:
        known = event.with_chain(led_by) if event.chain is NO_CHAIN else event
        _take_note(world, known, [step for step, by in stopped if by is event])
    world.timeline += followed


def _stopping(step: SimulatedStep, events: Sequence[Event]) -> Event | None:
    """The first of the events that stops the step; one of a task stops only what is about that task."""
    return next((event for event in events if event.name in step.stop_on and _is_meant(step, event)), None)


def _is_meant(step: SimulatedStep, event: Event) -> bool:
    return not event.is_about_a_task or step.params.get("task_id") == str(event.subject_id)


def _take_note(world: World, event: Event, stopped: Sequence[SimulatedStep]) -> None:
    rules = world.setting.rules
    if asked := rules.required_facts_of(event.name):
        more = more_of(world.lead, world.next_follow_up_at)
        event = event.with_facts({name: more.get(name) for name in asked})
    found = plan(rules, event, world.setting.clinic.calendar)
    told = {name: value for name, value in event.facts.get("event", {}).items() if value is not None}
    world.has_decided += len(found.decisions)
    decisions = tuple(decision.as_json() for decision in found.decisions)
    world.tell(What.EVENT, event.name, details=told, planned=_plan(world, found), decisions=decisions)
    for step in stopped:
        details = {"by": event.name, "due_at": step.due_at}
        world.tell_of(step, What.CANCELLED, reason=step.reason, details=details)


def _plan(world: World, found: Plan) -> tuple[Planned, ...]:
    """The steps that are new, each with what moved it."""
    matched = [decision for decision in found.decisions if decision.verdict is RuleVerdict.MATCHED]
    dues = [due for decision in matched for due in decision.details["steps"]]
    return tuple(
        Planned(step.name, step.kind, step.due_at, due.get("wanted_at"), tuple(due.get("moves", ())))
        for step, due in zip(found.steps, dues, strict=True)
        if world.plan(step)
    )

"""Record events in a simulated world, as `app.engine.service.record` does in the database."""

from collections.abc import Sequence
from types import SimpleNamespace

from app.automation.simulation.enrollments import follow_events
from app.automation.simulation.lead import lead_facts_for_rules
from app.automation.simulation.timeline import EntryKind, Planned
from app.automation.simulation.world import World
from app.engine.events.events import NO_CHAIN, STATUS_AFTER_CLOSING, Chain, Event, EventName, stop_reason
from app.engine.events.keys import concerns, event_key
from app.engine.models import StepState
from app.engine.plan.plan import Plan, plan
from app.engine.rules.rule_evaluation import RuleVerdict


def record(world: World, *events: Event, led_by: Chain = NO_CHAIN) -> None:
    """Cancel the steps that these events stop, then plan the steps of the rules. `led_by`: the chain of causes."""
    if world.unscored_since is None and any(event.name != EventName.LEAD_SCORED for event in events):
        world.unscored_since = world.now
    stopped: list[tuple[SimpleNamespace, Event]] = []
    if stopping := [event for event in events if stop_reason(event.name)]:
        if any(event.name in STATUS_AFTER_CLOSING for event in stopping):
            world.cancel_open_tasks()
        stopped = [(step, by) for step in world.pending.values() if (by := _stopping_event(step, stopping))]
    for step, by in stopped:
        world.end(step, StepState.CANCELLED, stop_reason(by.name))
    followed = world.collect_entries(lambda: follow_events(world, events)) if world.enrollments else []
    for event in events:
        known = event.with_chain(led_by) if event.chain is NO_CHAIN else event
        _record_event(world, known, [step for step, by in stopped if by is event])
    world.timeline += followed


def _stopping_event(step: SimpleNamespace, events: Sequence[Event]) -> Event | None:
    """Return the first event that stops the step. A task event stops only steps about that task."""
    return next((event for event in events if event.name in step.stop_on and _is_concerned(step, event)), None)


def _is_concerned(step: SimpleNamespace, event: Event) -> bool:
    if event.planned(step.dedupe_key):
        return False
    if not concerns(event.keys, event_key(step.cause)):
        return False
    return not event.is_about_a_task or step.params.get("task_id") == str(event.subject_id)


def _record_event(world: World, event: Event, stopped: Sequence[SimpleNamespace]) -> None:
    rules = world.setting.rules
    if asked := rules.required_facts_of(event.name):
        more = lead_facts_for_rules(world.lead, world.next_follow_up_at, world.lost_suggestion_at)
        event = event.with_facts({name: more.get(name) for name in asked})
    found = plan(rules, event, world.setting.clinic.calendar)
    details = {name: value for name, value in event.facts.get("event", {}).items() if value is not None}
    decisions = tuple(decision.as_json() for decision in found.decisions)
    world.decision_count += len(decisions)
    world.add_entry(EntryKind.EVENT, event.name, details=details, planned=_plan(world, found), decisions=decisions)
    for step in stopped:
        details = {"by": event.name, "due_at": step.due_at}
        world.add_step_entry(step, EntryKind.CANCELLED, reason=step.reason, details=details)


def _plan(world: World, found: Plan) -> tuple[Planned, ...]:
    """Plan the steps and return the new ones, each with the moves of its due time."""
    matched = [decision for decision in found.decisions if decision.verdict is RuleVerdict.MATCHED]
    dues = [due for decision in matched for due in decision.details["steps"]]
    return tuple(
        Planned(step.name, step.kind, step.due_at, due.get("wanted_at"), tuple(due.get("moves", ())))
        for step, due in zip(found.steps, dues, strict=True)
        if world.plan(step)
    )

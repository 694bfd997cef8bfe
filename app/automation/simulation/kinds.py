"""What each kind of step does to a simulated world. Nobody is told, written to or called: it is only noted."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from app.automation.language.check_actions import BY_RULES
from app.automation.simulation import lead_changes, task_actions
from app.automation.simulation.endings import Done, Ending
from app.automation.simulation.enrollments import enroll, unenroll
from app.automation.simulation.guard_facts import facts_of
from app.automation.simulation.messages import send_message
from app.automation.simulation.recording import record
from app.automation.simulation.state import SimulatedStep
from app.automation.simulation.world import World
from app.engine.events.events import Chain, Event
from app.engine.models import Kind, Reason
from app.engine.plan.follow_up_steps import way_of
from app.engine.sequences.sequence import ExitReason
from app.identity.models import Role
from app.leads.assignment.coordinators import audience
from app.leads.changes import AMENDED, amended
from app.leads.pipeline.stages import can_move
from app.tasks.lifecycle.reminders import why_not_remind
from app.tasks.rows import escalation_row, task_created, task_row


def _create_task(world: World, step: SimulatedStep) -> Ending:
    coordinator, params = world.coordinator, step.params
    if coordinator is None:
        return Reason.NOBODY_TO_TELL
    task = task_row(
        world.setting.clinic.id,
        world.lead.id,
        at=world.now,
        title=params["title"],
        type=params["type"],
        priority=params.get("priority", "NORMAL"),
        assigned_to_id=coordinator.id,
        due_at=datetime.fromisoformat(params["task_due_at"]),
        step_id=step.id,
    )
    return _made(world, step, task)


def _escalate(world: World, step: SimulatedStep) -> Ending:
    admins, lead_id = world.setting.with_role(Role.CLINIC_ADMIN), world.lead.id
    if not admins:
        return Reason.NOBODY_TO_TELL
    chosen = admins[lead_id.int % len(admins)].id
    clinic, title = world.setting.clinic, step.params["title"]
    task = escalation_row(clinic, lead_id, at=world.now, title=title, assigned_to_id=chosen, step_id=step.id)
    return _made(world, step, task)


def _made(world: World, step: SimulatedStep, task: dict[str, Any]) -> Done:
    world.give_task(task)
    follow = partial(_record_if_heard, world, step, task_created(task, world.lead))
    return Done({name: task[name] for name in ("title", "type", "priority", "due_at")}, follow)


def _record_if_heard(world: World, step: SimulatedStep, event: Event) -> None:
    """What stops nothing by itself matters where some rule listens to it."""
    if world.setting.rules.listening_to(event.name):
        record(world, event, led_by=Chain.of(step.cause))


def _remind(world: World, step: SimulatedStep) -> Ending:
    task = world.task(step.params.get("task_id"))
    if reason := why_not_remind(task, step.params, world.now):
        return reason
    if task is None or task.assigned_to_id not in world.setting.people:
        return Reason.NOBODY_TO_TELL
    return Done({"title": task.title, "due_at": task.due_at, "template": step.params["template"]})


def _notify(world: World, step: SimulatedStep) -> Ending:
    to = step.params.get("to", "coordinator")
    if not audience(to, world.coordinator, world.setting.people):
        return Reason.NOBODY_TO_TELL
    return Done({"to": to, "template": step.params["template"]})


def _send_message(world: World, step: SimulatedStep) -> Ending:
    return send_message(world, step, lambda event: _record_if_heard(world, step, event))


def _suggest_lost(world: World, step: SimulatedStep) -> Ending:
    if world.lead.lost_suggested_at is not None:
        return Reason.ALREADY_SUGGESTED
    world.lead.lost_suggested_at = world.now
    return Done({"reason": step.params["reason"]})


def _change_stage(world: World, step: SimulatedStep) -> Ending:
    here, wanted = world.lead.pipeline_stage, step.params["stage"]
    if here == wanted:
        return Reason.ALREADY_SO
    if not can_move(world.setting.stages, here, wanted):
        return Reason.NOT_POSSIBLE
    move = partial(lead_changes.move, world, wanted, reason=step.params.get("reason"))
    return Done({"previous_stage": here, "stage": wanted}, _led_by(world, step, move))


def _assign(world: World, step: SimulatedStep) -> Ending:
    to = step.params["to"]
    if to == BY_RULES:
        return Done({"to": to})  # whom the clinic's assignment rules choose then, nobody can tell now
    person = world.setting.people.get(UUID(to))
    if person is None:
        return Reason.NOBODY_TO_TELL
    if world.lead.assigned_to_id == person.id:
        return Reason.ALREADY_SO
    return Done({"to": to}, _led_by(world, step, partial(lead_changes.give, world, person.id)))


def _update_lead(world: World, step: SimulatedStep) -> Ending:
    amendment = {name: value for name, value in step.params.items() if name in AMENDED}
    write = partial(lead_changes.write, world, amended(world.lead, amendment))
    return Done(amendment, _led_by(world, step, write))


def _complete_tasks(world: World, step: SimulatedStep) -> Ending:
    types = step.params["types"]

    def complete() -> list[Event]:
        return [
            event for task in world.open_tasks if task.type in types for event in task_actions.complete(world, task)
        ]

    return Done({"types": types}, _led_by(world, step, complete))


def _branch(world: World, step: SimulatedStep) -> Ending:
    way = way_of(step, facts_of(world, step), world.now, world.setting.clinic.calendar)
    for planned in way.steps:
        world.plan(planned)
    return Done({"way": way.name})


def _wait(_: World, __: SimulatedStep) -> Ending:
    return Done({})


def _enroll(world: World, step: SimulatedStep) -> Ending:
    made = {"sequence": step.params["sequence"]}

    def follow() -> None:
        made["result"] = enroll(world, made["sequence"], step.cause)

    return Done(made, follow)


def _unenroll(world: World, step: SimulatedStep) -> Ending:
    made = {"sequence": step.params["sequence"]}
    reason = ExitReason(step.params.get("reason", ExitReason.UNENROLLED))

    def follow() -> None:
        made["result"] = "left" if unenroll(world, made["sequence"], reason) else "not_in"

    return Done(made, follow)


def _call_webhook(_: World, step: SimulatedStep) -> Ending:
    return Done({"gateway": step.params["gateway"]})


def _led_by(world: World, step: SimulatedStep, change: Callable[[], list[Event]]) -> Callable[[], None]:
    return lambda: record(world, *change(), led_by=Chain.of(step.cause))


KINDS: Final[Mapping[Kind, Callable[[World, SimulatedStep], Ending]]] = {
    Kind.CREATE_TASK: _create_task,
    Kind.ESCALATE: _escalate,
    Kind.REMIND: _remind,
    Kind.NOTIFY: _notify,
    Kind.SEND_MESSAGE: _send_message,
    Kind.SUGGEST_LOST: _suggest_lost,
    Kind.CHANGE_STAGE: _change_stage,
    Kind.ASSIGN: _assign,
    Kind.UPDATE_LEAD: _update_lead,
    Kind.COMPLETE_TASKS: _complete_tasks,
    Kind.BRANCH: _branch,
    Kind.WAIT: _wait,
    Kind.ENROLL: _enroll,
    Kind.UNENROLL: _unenroll,
    Kind.CALL_WEBHOOK: _call_webhook,
}

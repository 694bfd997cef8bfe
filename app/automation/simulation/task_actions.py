"""Apply script events about tasks: to the task that the script selects, else to the open task that is due first."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Final, TypeAlias

from app.automation.simulation.contact import complete_task
from app.automation.simulation.world import Refused, World
from app.core.type_aliases import JsonObject
from app.engine.events.events import NO_CHAIN, Event, EventName
from app.leads.assignment.coordinators import coordinator_of
from app.tasks.facts import task_event
from app.tasks.lifecycle.task_state import set_cancelled, set_overdue, set_retimed
from app.tasks.models import TaskPriority, TaskType
from app.tasks.rows import task_row

Given: TypeAlias = Mapping[str, JsonObject]

_SELECTORS: Final = ("title", "type", "priority")


def act_on_task(world: World, name: str, given: Given) -> list[Event]:
    """Apply a script event of `TASK_ACTIONS`. Returns the events. Raises Refused."""
    task = _create(world, given) if name == EventName.TASK_CREATED else _find_task(world, given)
    return TASK_ACTIONS[name](world, task, given)


def _create(world: World, given: Given) -> SimpleNamespace:
    values, lead = given["task"], world.lead
    coordinator = coordinator_of(lead.id, lead.assigned_to_id, world.setting.people)
    if coordinator is None:
        raise Refused("nobody_to_tell")
    row = task_row(
        world.setting.clinic.id,
        lead.id,
        at=world.now,
        title=values.get("title", "A task by hand"),
        type=values.get("type", TaskType.FOLLOW_UP),
        priority=values.get("priority", TaskPriority.NORMAL),
        assigned_to_id=coordinator.id,
        due_at=values["due_at"],
    )
    return world.add_task(row)


def _find_task(world: World, given: Given) -> SimpleNamespace:
    values = {name: value for name, value in given["task"].items() if name in _SELECTORS}
    for task in sorted(world.open_tasks.values(), key=lambda task: task.due_at):
        if all(getattr(task, name) == value for name, value in values.items()):
            return task
    raise Refused("no_such_task_is_open")


def mark_overdue(world: World, task: SimpleNamespace) -> Event:
    """Set the task to OVERDUE and return its event, which continues the chain of the step that created the task."""
    return world.change_task(set_overdue, task).with_chain(world.chains.get(task.step_id, NO_CHAIN))


def _created(world: World, task: SimpleNamespace, _: Given) -> list[Event]:
    return [task_event(EventName.TASK_CREATED, task, world.lead, world.now)]


def _complete(world: World, task: SimpleNamespace, given: Given) -> list[Event]:
    return complete_task(world, task, given["event"].get("outcome"))


def _retime(world: World, task: SimpleNamespace, given: Given) -> list[Event]:
    task.due_at = given["task"]["due_at"]
    return [world.change_task(set_retimed, task)]


def _snooze(world: World, task: SimpleNamespace, given: Given) -> list[Event]:
    return [*_retime(world, task, given), task_event(EventName.TASK_SNOOZED, task, world.lead, world.now)]


TASK_ACTIONS: Final[Mapping[str, Callable[[World, SimpleNamespace, Given], list[Event]]]] = {
    EventName.TASK_CREATED: _created,
    EventName.TASK_COMPLETED: _complete,
    EventName.TASK_CANCELLED: lambda world, task, _: [world.change_task(set_cancelled, task)],
    EventName.TASK_RETIMED: _retime,
    EventName.TASK_SNOOZED: _snooze,
    EventName.TASK_OVERDUE: lambda world, task, _: [mark_overdue(world, task)],
}

"""Apply script events about tasks: to the task that the script selects, else to the open task that is due first."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Final, TypeAlias

from app.automation.simulation.state import Refused
from app.automation.simulation.world import World
from app.core.type_aliases import JsonObject
from app.engine.events.events import Event, EventName
from app.leads.pipeline.lead_state import mark_activity
from app.tasks.facts import task_event
from app.tasks.models import TaskPriority, TaskStatus, TaskType
from app.tasks.rows import task_row

Given: TypeAlias = Mapping[str, JsonObject]

_SELECTORS: Final = ("title", "type", "priority")


def _create(world: World, given: Given) -> list[Event]:
    values, coordinator = given["task"], world.coordinator
    if coordinator is None:
        raise Refused("nobody_to_tell")
    row = task_row(
        world.setting.clinic.id,
        world.lead.id,
        at=world.now,
        title=values.get("title", "A task by hand"),
        type=values.get("type", TaskType.FOLLOW_UP),
        priority=values.get("priority", TaskPriority.NORMAL),
        assigned_to_id=coordinator.id,
        due_at=values["due_at"],
    )
    task = world.add_task(row)
    return [task_event(EventName.TASK_CREATED, task, world.lead, world.now)]


def _complete(world: World, given: Given) -> list[Event]:
    return complete(world, _find_task(world, given), outcome=given["event"].get("outcome"))


def complete(world: World, task: SimpleNamespace, *, outcome: str | None = None) -> list[Event]:
    """Complete the task and return its event."""
    world.set_task_status(task, TaskStatus.COMPLETED)
    mark_activity(world.lead, world.now)
    return [task_event(EventName.TASK_COMPLETED, task, world.lead, world.now, outcome=outcome)]


def _cancel(world: World, given: Given) -> list[Event]:
    task = _find_task(world, given)
    world.set_task_status(task, TaskStatus.CANCELLED)
    return [task_event(EventName.TASK_CANCELLED, task, world.lead, world.now)]


def _retime(world: World, given: Given) -> list[Event]:
    task = _find_task(world, given)
    task.due_at = given["task"]["due_at"]
    is_ahead = task.status == TaskStatus.OVERDUE and task.due_at > world.now
    world.set_task_status(task, TaskStatus.PENDING if is_ahead else task.status)
    return [task_event(EventName.TASK_RETIMED, task, world.lead, world.now)]


def _snooze(world: World, given: Given) -> list[Event]:
    task = _find_task(world, given)
    return [*_retime(world, given), task_event(EventName.TASK_SNOOZED, task, world.lead, world.now)]


def _overdue(world: World, given: Given) -> list[Event]:
    return [mark_overdue(world, _find_task(world, given))]


def mark_overdue(world: World, task: SimpleNamespace) -> Event:
    """Set the task to OVERDUE and return its event."""
    world.set_task_status(task, TaskStatus.OVERDUE)
    return task_event(EventName.TASK_OVERDUE, task, world.lead, world.now).with_chain(world.chain_of(task))


def _find_task(world: World, given: Given) -> SimpleNamespace:
    values = {name: value for name, value in given["task"].items() if name in _SELECTORS}
    for task in world.open_tasks:
        if all(getattr(task, name) == value for name, value in values.items()):
            return task
    raise Refused("no_such_task_is_open")


TASK_ACTIONS: Final[Mapping[str, Callable[[World, Given], list[Event]]]] = {
    EventName.TASK_CREATED: _create,
    EventName.TASK_COMPLETED: _complete,
    EventName.TASK_CANCELLED: _cancel,
    EventName.TASK_RETIMED: _retime,
    EventName.TASK_SNOOZED: _snooze,
    EventName.TASK_OVERDUE: _overdue,
}

"""Log activities and complete tasks in the simulated world, with the consequences that both have in the application."""

from types import SimpleNamespace
from typing import Final

from app.automation.simulation.world import World
from app.core.db import new_id
from app.core.type_aliases import JsonObject
from app.engine.events.events import Event, EventName
from app.leads.activities.effects import apply_activity, is_answer, with_implied_values
from app.leads.pipeline.lead_state import mark_updated
from app.leads.timeline.models import Activity, CountsAs, Direction
from app.messaging.channels.registry import CHANNELS
from app.tasks.lifecycle.contact import CONTACT_BY_STAGE, Answer, answer_of, answered_tasks, told_activity
from app.tasks.lifecycle.task_state import set_completed

_EMPTY_ACTIVITY: Final = dict.fromkeys(column.key for column in Activity.__table__.columns)


def log_activity(world: World, data: JsonObject) -> list[Event]:
    """Log an activity, as `app.leads.activities.service.log_activity` does. Returns the events."""
    known = {**with_implied_values(data), "id": new_id(), "created_at": world.now, "occurred_at": world.now}
    entry = SimpleNamespace(**{**_EMPTY_ACTIVITY, **known})
    if is_answer(world.lead, entry):
        entry.counts_as = CountsAs.ANSWER
    _note_inbound(world, entry)
    mark_updated(world.lead, world.actor, world.now)
    events = apply_activity(world.lead, world.actor, entry, world.setting.stages)
    return [*events, *_complete_tasks(world, answer_of(entry), entry.outcome)]


def with_completed_tasks(world: World, events: list[Event]) -> list[Event]:
    """Add the events of the tasks that these events of a stage change complete, because they tell a contact."""
    told = any(event.name == EventName.LEAD_CONTACTED for event in events)
    return [*events, *_complete_tasks(world, CONTACT_BY_STAGE, None)] if told else events


def _complete_tasks(world: World, answer: Answer, outcome: str | None) -> list[Event]:
    tasks = answered_tasks(answer, world.open_tasks.values(), world.setting.clinic.calendar, at=world.now)
    return [world.change_task(set_completed, task, outcome=outcome) for task in tasks]


def _note_inbound(world: World, entry: SimpleNamespace) -> None:
    """Note a message of the lead that opens a session, as `app.messaging.inbound.texts` does."""
    if entry.direction == Direction.INBOUND and CHANNELS.session(entry.channel) is not None:
        world.last_inbound[entry.channel] = world.now


def complete_task(world: World, task: SimpleNamespace, outcome: str | None) -> list[Event]:
    """Complete a task, as `app.tasks.lifecycle.closing.complete` does. Returns the events."""
    told = told_activity(task.type, {"outcome": outcome})
    events = log_activity(world, {**told, "task_id": task.id}) if told else []
    return [*events, world.change_task(set_completed, task, outcome=outcome)]

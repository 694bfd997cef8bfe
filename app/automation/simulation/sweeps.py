"""The sweeps of `beat_schedule`, at the ticks at which they would find the lead."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, NamedTuple

from app.automation.simulation.nurtures import next_taking, take
from app.automation.simulation.recording import record
from app.automation.simulation.task_actions import mark_overdue
from app.automation.simulation.world import World
from app.engine.events.events import Event, EventName
from app.engine.models import Kind
from app.leads.enums import LeadStatus
from app.leads.events import lead_event, lead_facts

# How often each looks, as beat has it; the simulated beat ticks at whole multiples of that.
OVERDUE_TASKS: Final = timedelta(seconds=20)
STALE_LEADS: Final = timedelta(minutes=5)
TIME_IN_STAGE: Final = timedelta(minutes=5)
NEXT_ACTIONS: Final = timedelta(seconds=20)

TO_PLAN: Final = timedelta(minutes=5)  # since something happened with the lead: who has just hung up decides first
ACTING: Final = frozenset({Kind.CREATE_TASK, Kind.ESCALATE, Kind.SEND_MESSAGE})
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_OPEN: Final = (LeadStatus.NEW, LeadStatus.ACTIVE)


class Look(NamedTuple):
    """When a sweep finds something, and what it does then."""

    at: datetime
    act: Callable[[], None]


def next_look(world: World) -> Look | None:
    """The first that finds something as the world is now; None: none will."""
    return min(_looks(world), key=lambda look: look.at, default=None)


def _looks(world: World) -> Iterator[Look]:
    if tasks := world.not_late_yet:
        due_at = min(task.due_at for task in tasks)
        yield Look(_tick(world, due_at, OVERDUE_TASKS), partial(_mark_overdue, world))
    if world.lead.status in _OPEN and world.lead.deleted_at is None:
        yield from _of_open_lead(world)


def _of_open_lead(world: World) -> Iterator[Look]:
    lead, setting = world.lead, world.setting
    for nurture in setting.nurtures:
        if at := next_taking(world, nurture):
            yield Look(at, partial(take, world, nurture))
    if lead.stale_since is None and _is_heard(world, EventName.LEAD_STALE):
        since = lead.last_activity_at + timedelta(days=setting.clinic.stale_after_days)
        yield Look(_tick(world, since, STALE_LEADS), partial(_flag, world, EventName.LEAD_STALE))
    most_days = setting.max_days.get(lead.pipeline_stage)
    if most_days and lead.stage_overdue_since is None and _is_heard(world, EventName.LEAD_STAGE_OVERDUE):
        since = lead.stage_entered_at + timedelta(days=most_days)
        yield Look(_tick(world, since, TIME_IN_STAGE), partial(_flag, world, EventName.LEAD_STAGE_OVERDUE))
    if lead.restricted_at is None and _is_heard(world, EventName.LEAD_WITHOUT_NEXT_ACTION):
        yield from _of_next_action(world)


def _of_next_action(world: World) -> Iterator[Look]:
    lead, has_task = world.lead, world.has_open_task
    waiting = [step for step in world.pending if step.kind in ACTING or "enrollment_id" in step.cause]
    if lead.without_next_action_since is None:
        if not has_task and not waiting:
            yield Look(_tick(world, lead.last_activity_at + TO_PLAN, NEXT_ACTIONS), partial(_alarm, world))
    elif has_task or any(step.cause["event"] != EventName.LEAD_WITHOUT_NEXT_ACTION for step in waiting):
        yield Look(_tick(world, world.now, NEXT_ACTIONS), partial(_settle, world))


def _tick(world: World, since: datetime, every: timedelta) -> datetime:
    """The first look after `since`, from now on."""
    after, from_now_on = since + every - (since - _EPOCH) % every, world.now + (_EPOCH - world.now) % every
    return max(after, from_now_on)


def _is_heard(world: World, name: EventName) -> bool:
    return bool(world.setting.rules.listening_to(name))


def _mark_overdue(world: World) -> None:
    events = [mark_overdue(world, task) for task in world.not_late_yet if task.due_at < world.now]
    if _is_heard(world, EventName.TASK_OVERDUE):
        record(world, *events)


def _flag(world: World, name: EventName) -> None:
    """It fires once, until an activity or the next stage takes the flag away."""
    flag, since = _FLAGS[name]
    setattr(world.lead, flag, world.now)
    key, about = getattr(world.lead, since).isoformat(), {"lead": lead_facts(world.lead)}
    record(world, Event(name, world.lead.id, subject_id=world.lead.id, occurred_at=world.now, facts=about, key=key))


_FLAGS: Final = {
    EventName.LEAD_STALE: ("stale_since", "last_activity_at"),
    EventName.LEAD_STAGE_OVERDUE: ("stage_overdue_since", "stage_entered_at"),
}


def _alarm(world: World) -> None:
    world.lead.without_next_action_since = world.now
    key = world.now.isoformat()
    record(world, lead_event(EventName.LEAD_WITHOUT_NEXT_ACTION, world.lead, world.now, key=key))


def _settle(world: World) -> None:
    world.lead.without_next_action_since = None

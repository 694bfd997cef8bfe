"""Changes of the simulated lead. Each returns its events, which the caller records."""

from datetime import datetime
from typing import Final
from uuid import UUID

from app.automation.simulation.lead import set_columns
from app.automation.simulation.world import World
from app.core.type_aliases import JsonObject
from app.engine.events.events import Event, EventName
from app.leads.changes import update_events
from app.leads.enums import LeadStatus
from app.leads.events import lead_event
from app.leads.pipeline.closing import CONVERTED, GIVEN_UP, Ending
from app.leads.pipeline.consultations import EVENT_OF, consultation_event
from app.leads.pipeline.lead_state import mark_activity, set_stage
from app.leads.pipeline.models import LOST, STARTED
from app.leads.pipeline.reopening import clear_loss
from app.messaging.channels.registry import CHANNELS
from app.tasks.models import TaskStatus

NO_RESPONSE: Final = "NO_RESPONSE"  # the lost reason if a script gives none


def move(world: World, stage: str, *, reason: str | None = None, scheduled_for: datetime | None = None) -> list[Event]:
    """Move the lead to a later stage. The two terminal stages convert or lose it."""
    if stage == LOST:
        return lose(world, reason or NO_RESPONSE)
    if stage == STARTED:
        return convert(world)
    _touch(world)
    moved = set_stage(world.lead, stage, at=world.now)
    if stage not in EVENT_OF:
        return [moved]
    clinic = world.setting.clinic
    return [moved, consultation_event(stage, world.lead, clinic, at=world.now, scheduled_for=scheduled_for)]


def convert(world: World) -> list[Event]:
    """Convert the lead and cancel its open tasks."""
    world.lead.status, world.lead.converted_at = LeadStatus.CONVERTED, world.now
    return _end(world, CONVERTED)


def lose(world: World, reason: str) -> list[Event]:
    """Mark the lead as lost and cancel its open tasks."""
    world.lead.status, world.lead.lost_at, world.lead.lost_reason = LeadStatus.LOST, world.now, reason
    return _end(world, GIVEN_UP)


def _end(world: World, ending: Ending) -> list[Event]:
    _touch(world)
    moved = set_stage(world.lead, ending.stage, at=world.now)
    for task in world.open_tasks:
        world.set_task_status(task, TaskStatus.CANCELLED)
    return [lead_event(ending.event, world.lead, world.now, about={"reason": world.lead.lost_reason}), moved]


def reopen(world: World, stage: str) -> list[Event]:
    """Reopen a lost lead."""
    clear_loss(world.lead)
    _touch(world)
    moved = set_stage(world.lead, stage, at=world.now)
    return [moved, lead_event(EventName.LEAD_REOPENED, world.lead, world.now, about={"stage": stage})]


def opt_out(world: World) -> list[Event]:
    """Opt the lead out of all messages."""
    world.lead.opted_out_at = world.now
    world.suppressed.update(CHANNELS.names_for_leads())
    _touch(world)
    return [lead_event(EventName.LEAD_OPTED_OUT, world.lead, world.now)]


def give(world: World, user_id: UUID) -> list[Event]:
    """Assign the lead to this user."""
    world.lead.assigned_to_id, world.lead.assigned_at = user_id, world.now
    _touch(world)
    mark_activity(world.lead, world.now)
    about = {"changed": ["assigned_to_id"]}
    return [lead_event(EventName.LEAD_ASSIGNED, world.lead, world.now, about=about)]


def write(world: World, fields: JsonObject) -> list[Event]:
    """Set these columns of the lead. Returns no events if nothing changed."""
    lead = world.lead
    before = {name: getattr(lead, name) for name in fields}
    set_columns(lead, fields)
    _touch(world)
    return list(update_events(lead, before, world.now))


def _touch(world: World) -> None:
    world.lead.updated_at = world.now
    world.lead.version += 1

"""Apply script events to the simulated world, as users cause them in the application."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, Final, TypeAlias

from app.automation.simulation import lead_changes
from app.automation.simulation.lead import columns_of_facts, set_facts
from app.automation.simulation.recording import record
from app.automation.simulation.script import ScriptEvent
from app.automation.simulation.state import Refused
from app.automation.simulation.task_actions import TASK_ACTIONS
from app.automation.simulation.timeline import EntryKind
from app.automation.simulation.world import World
from app.core.db import new_id
from app.core.type_aliases import JsonObject
from app.engine.events.events import Event, EventName
from app.leads.activities.effects import STAGE_OF, activity_event, apply_contact, extra_events, with_implied_values
from app.leads.enums import LeadStatus
from app.leads.events import lead_event
from app.leads.pipeline.consultations import consultation_event
from app.leads.pipeline.lead_state import mark_active, mark_activity, set_stage
from app.leads.pipeline.stages import can_move
from app.leads.timeline.models import Activity, ActivityType, Direction, Outcome

Given: TypeAlias = Mapping[str, JsonObject]

# The activity that causes each of these events. A script may override its values.
_ENTRIES: Final[Mapping[str, Mapping[str, str]]] = {
    EventName.LEAD_REPLIED: {"type": ActivityType.EMAIL, "direction": Direction.INBOUND},
    EventName.LEAD_CONTACTED: {"type": ActivityType.PHONE_CALL, "outcome": Outcome.SPOKE},
    EventName.LEAD_ATTEMPT_FAILED: {"type": ActivityType.PHONE_CALL, "outcome": Outcome.NO_ANSWER},
    EventName.ACTIVITY_LOGGED: {"type": ActivityType.NOTE},
    EventName.CONSULTATION_SCHEDULED: {"type": ActivityType.CONSULTATION_SCHEDULED},
    EventName.CONSULTATION_COMPLETED: {"type": ActivityType.CONSULTATION_COMPLETED},
    EventName.CONSULTATION_MISSED: {"type": ActivityType.CONSULTATION_MISSED},
    EventName.QUOTE_SENT: {"type": ActivityType.QUOTE_SENT},
    EventName.ESTIMATE_CREATED: {"type": ActivityType.ESTIMATE_CREATED},
}
_EMPTY_ACTIVITY: Final = dict.fromkeys(column.key for column in Activity.__table__.columns)
_OF_OPEN_LEADS: Final = frozenset(
    {EventName.LEAD_STAGE_CHANGED, EventName.LEAD_CONVERTED, EventName.LEAD_LOST, EventName.LEAD_ASSIGNED}
    | {EventName.CONSULTATION_SCHEDULED, EventName.CONSULTATION_COMPLETED, *TASK_ACTIONS}
)
_OF_ALL_LEADS: Final = frozenset({EventName.LEAD_OPTED_OUT, EventName.MESSAGE_DELIVERED, EventName.MESSAGE_OPENED})
_OPEN: Final = (LeadStatus.NEW, LeadStatus.ACTIVE)


def act(world: World, event: ScriptEvent) -> None:
    """Apply the event now. A refusal becomes an entry of the timeline."""
    name, given = event.event, event.facts
    try:
        _require_possible(world, name)
        record(world, *_events(world, name, given))
    except Refused as refused:
        world.add_entry(EntryKind.REFUSED, name, reason=str(refused))


def _require_possible(world: World, name: str) -> None:
    status = world.lead.status
    if status in {LeadStatus.CONVERTED, LeadStatus.ARCHIVED} and name not in _OF_ALL_LEADS:
        raise Refused("lead_is_locked")
    if status not in _OPEN and name in _OF_OPEN_LEADS:
        raise Refused("lead_is_closed")


def _events(world: World, name: str, given: Given) -> list[Event]:
    if name in _ENTRIES:
        set_facts(world.lead, given["lead"])
        return _log(world, {**_ENTRIES[name], **given["event"]})
    if name in TASK_ACTIONS:
        set_facts(world.lead, given["lead"])
        return TASK_ACTIONS[name](world, given)
    return _ACTIONS.get(name, _record_only(name))(world, given)


def _log(world: World, data: JsonObject) -> list[Event]:
    """Log an activity, as `app.leads.activities.service.log_activity` does."""
    lead = world.lead
    lead.version += 1
    known = {**with_implied_values(data), "id": new_id(), "created_at": world.now, "occurred_at": world.now}
    entry = SimpleNamespace(**{**_EMPTY_ACTIVITY, **known})
    mark_activity(lead, world.now)
    conclusions = [*apply_contact(lead, entry), *_consultation(world, entry), *extra_events(lead, entry)]
    return [activity_event(EventName.ACTIVITY_LOGGED, lead, entry), *conclusions]


def _consultation(world: World, entry: Any) -> list[Event]:
    lead, stage = world.lead, STAGE_OF.get(entry.type)
    if stage is None:
        return []
    mark_active(lead)
    is_ahead = can_move(world.setting.stages, lead.pipeline_stage, stage)
    moved = [set_stage(lead, stage, at=world.now)] if is_ahead else []
    clinic, when = world.setting.clinic, entry.scheduled_for
    return [*moved, consultation_event(stage, lead, clinic, at=world.now, scheduled_for=when)]


def _change_stage(world: World, given: Given) -> list[Event]:
    stage, here = given["event"]["stage"], world.lead.pipeline_stage
    if stage not in world.setting.stages:
        raise Refused("no_such_stage")
    if stage == here:
        return []
    if not can_move(world.setting.stages, here, stage):
        raise Refused("no_way_back")
    about = given["event"]
    return lead_changes.move(world, stage, reason=about.get("reason"), scheduled_for=about.get("scheduled_for"))


def _lose(world: World, given: Given) -> list[Event]:
    return lead_changes.lose(world, given["event"].get("reason", lead_changes.NO_RESPONSE))


def _reopen(world: World, given: Given) -> list[Event]:
    if world.lead.status != LeadStatus.LOST:
        raise Refused("lead_is_not_lost")
    return lead_changes.reopen(world, given["event"].get("stage", world.setting.first_stage))


def _opt_out(world: World, _: Given) -> list[Event]:
    return [] if world.lead.opted_out_at else lead_changes.opt_out(world)


def _assign(world: World, given: Given) -> list[Event]:
    """Assign the lead to the user in the script, else to another user than its current owner."""
    people = world.setting.people
    named = given["lead"].get("assigned_to_id")
    others = [person.id for person in people.values() if person.id != world.lead.assigned_to_id]
    chosen = next((id_ for id_ in people if str(id_) == named), None) if named else next(iter(others), None)
    if chosen is None:
        raise Refused("nobody_to_tell")
    return lead_changes.give(world, chosen)


def _update(world: World, given: Given) -> list[Event]:
    return lead_changes.write(world, columns_of_facts(given["lead"]))


def _score(world: World, given: Given) -> list[Event]:
    score = given["event"].get("score", given["lead"].get("score", world.lead.score))
    return lead_changes.write(world, {"score": score})


def _record_only(name: str) -> "Action":
    """Record an event that changes nothing by itself, such as an opened message or an integrator's event."""

    def happen(world: World, given: Given) -> list[Event]:
        _flag_last_message(world, name)
        set_facts(world.lead, given["lead"])
        world.lead.version += 1
        return [lead_event(name, world.lead, world.now, about=given["event"])]

    return happen


def _flag_last_message(world: World, name: str) -> None:
    """Flag the last message as opened or clicked."""
    if world.sent and name in {EventName.MESSAGE_OPENED, EventName.MESSAGE_CLICKED}:
        last = world.sent[-1]
        last.is_opened = last.is_opened or name == EventName.MESSAGE_OPENED
        last.is_clicked = last.is_clicked or name == EventName.MESSAGE_CLICKED


Action: TypeAlias = Callable[[World, Given], list[Event]]

_ACTIONS: Final[Mapping[str, Action]] = {
    EventName.LEAD_STAGE_CHANGED: _change_stage,
    EventName.LEAD_CONVERTED: lambda world, _: lead_changes.convert(world),
    EventName.LEAD_LOST: _lose,
    EventName.LEAD_REOPENED: _reopen,
    EventName.LEAD_OPTED_OUT: _opt_out,
    EventName.LEAD_ASSIGNED: _assign,
    EventName.LEAD_UPDATED: _update,
    EventName.LEAD_SCORED: _score,
}

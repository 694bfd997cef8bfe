"""Apply script events to the simulated world, as users cause them in the application."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from app.automation.simulation.contact import log_activity, with_completed_tasks
from app.automation.simulation.lead import columns_of_facts
from app.automation.simulation.recording import record
from app.automation.simulation.scores import change_lead, tell_facts
from app.automation.simulation.script import ScriptEvent
from app.automation.simulation.task_actions import TASK_ACTIONS, Given, act_on_task
from app.automation.simulation.timeline import EntryKind
from app.automation.simulation.world import Refused, World
from app.engine.events.events import Event, EventName
from app.leads.enums import OPEN_STATUSES, LeadStatus
from app.leads.events import lead_event
from app.leads.pipeline import transitions
from app.leads.pipeline.lead_state import mark_updated
from app.leads.pipeline.models import LOST
from app.leads.pipeline.stages import after_contact, can_move, tells_contact
from app.leads.timeline.models import ActivityType, Direction, Outcome
from app.messaging.channels.registry import CHANNELS
from app.messaging.contact_policy.opt_outs import set_opted_out

NO_RESPONSE: Final = "NO_RESPONSE"  # the lost reason if a script gives none

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
_OF_OPEN_LEADS: Final = frozenset(
    {EventName.LEAD_STAGE_CHANGED, EventName.LEAD_CONVERTED, EventName.LEAD_LOST, EventName.LEAD_ASSIGNED}
    | {EventName.CONSULTATION_SCHEDULED, EventName.CONSULTATION_COMPLETED, *TASK_ACTIONS}
)
_OF_ALL_LEADS: Final = frozenset({EventName.LEAD_OPTED_OUT, EventName.MESSAGE_DELIVERED, EventName.MESSAGE_OPENED})


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
    if status not in OPEN_STATUSES and name in _OF_OPEN_LEADS:
        raise Refused("lead_is_closed")


def _events(world: World, name: str, given: Given) -> list[Event]:
    if name in _ENTRIES:
        tell_facts(world, given["lead"])
        return log_activity(world, {**_ENTRIES[name], **given["event"]})
    if name in TASK_ACTIONS:
        tell_facts(world, given["lead"])
        return act_on_task(world, name, given)
    return _ACTIONS.get(name, _record_only(name))(world, given)


def _change_stage(world: World, given: Given) -> list[Event]:
    stage, here = given["event"]["stage"], world.lead.pipeline_stage
    if stage not in world.setting.stages:
        raise Refused("no_such_stage")
    if stage == here:
        return []
    if not can_move(world.setting.stages, here, stage):
        raise Refused("no_way_back")
    if stage == LOST:
        world.stage_before_loss = here
    reason, scheduled_for = given["event"].get("reason", NO_RESPONSE), given["event"].get("scheduled_for")
    is_contact = tells_contact(world.setting.stages, stage)
    about = {"reason": reason, "scheduled_for": scheduled_for}
    events = transitions.move(world.lead, world.actor, stage, at=world.now, is_contact=is_contact, **about)
    return with_completed_tasks(world, events)


def _convert(world: World, _: Given) -> list[Event]:
    return transitions.convert(world.lead, world.actor, at=world.now)


def _lose(world: World, given: Given) -> list[Event]:
    world.stage_before_loss = world.lead.pipeline_stage
    return transitions.lose(world.lead, world.actor, given["event"].get("reason", NO_RESPONSE), at=world.now)


def _reopen(world: World, given: Given) -> list[Event]:
    if world.lead.status != LeadStatus.LOST:
        raise Refused("lead_is_not_lost")
    stages, before = world.setting.stages, world.stage_before_loss or world.setting.first_stage
    stage = given["event"].get("stage") or after_contact(stages, world.lead, before)
    is_contact = tells_contact(world.setting.stages, stage)
    events = transitions.reopen(world.lead, world.actor, stage, at=world.now, is_contact=is_contact)
    return with_completed_tasks(world, events)


def _opt_out(world: World, _: Given) -> list[Event]:
    if world.lead.opted_out_at:
        return []
    world.suppressed.update(CHANNELS.names_for_leads())
    return [set_opted_out(world.lead, world.actor, at=world.now)]


def _assign(world: World, given: Given) -> list[Event]:
    """Assign the lead to the user in the script, else to another user than its current owner."""
    people = world.setting.people
    named = given["lead"].get("assigned_to_id")
    others = [person.id for person in people.values() if person.id != world.lead.assigned_to_id]
    chosen = next((id_ for id_ in people if str(id_) == named), None) if named else next(iter(others), None)
    if chosen is None:
        raise Refused("nobody_to_tell")
    return [world.assign(chosen)]


def _update(world: World, given: Given) -> list[Event]:
    return change_lead(world, columns_of_facts(given["lead"]))


def _score(world: World, given: Given) -> list[Event]:
    score = given["event"].get("score", given["lead"].get("score", world.lead.score))
    return change_lead(world, {"score": score})


def _record_only(name: str) -> "Action":
    """Record an event that changes nothing by itself, such as an opened message or an integrator's event."""

    def happen(world: World, given: Given) -> list[Event]:
        _flag_last_message(world, name)
        tell_facts(world, given["lead"])
        mark_updated(world.lead, world.actor, world.now)
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
    EventName.LEAD_CONVERTED: _convert,
    EventName.LEAD_LOST: _lose,
    EventName.LEAD_REOPENED: _reopen,
    EventName.LEAD_OPTED_OUT: _opt_out,
    EventName.LEAD_ASSIGNED: _assign,
    EventName.LEAD_UPDATED: _update,
    EventName.LEAD_SCORED: _score,
}

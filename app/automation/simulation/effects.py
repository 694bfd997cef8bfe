"""The effects of a step, carried out in a simulated world as `workers.pipeline.effects_writer` does in the database."""

from collections.abc import Iterator
from typing import Any

from app.automation.handlers.changes import (
    AssignTo,
    ChangeStage,
    CompleteTasks,
    Enroll,
    Unenroll,
    UpdateLead,
)
from app.automation.simulation import lead_changes
from app.automation.simulation.enrollments import enroll, unenroll
from app.automation.simulation.recording import record
from app.automation.simulation.state import Sent, SimulatedStep
from app.automation.simulation.task_actions import complete
from app.automation.simulation.world import World
from app.engine.events.events import Event, EventName
from app.engine.outcomes import Change, Effects
from app.engine.plan.plan import PlannedStep
from app.leads.changes import amendment_values
from app.leads.events import lead_event
from app.messaging.contact_policy.facts import SentMessage


def write(world: World, step: SimulatedStep, effects: Effects) -> None:
    """Add tasks, steps and messages. Messages go at once: handing them over is not simulated."""
    for task in effects.tasks:
        world.give_task(task)
    for row in effects.steps:
        world.plan(_planned(row))
    for suggestion in effects.lost_suggestions:
        world.lead.lost_suggested_at = suggestion["lost_suggested_at"]
        world.lead.lost_suggested_reason = suggestion["lost_suggested_reason"]
    for note in _to_lead(effects):
        world.went.append(SentMessage(world.now, note["series"]))
        world.sent.append(Sent(note["channel"], step.cause.get("enrollment_id")))


def follow(world: World, step: SimulatedStep, effects: Effects) -> None:
    """Let happen what follows from the step: its events, its messages' events, its changes of the lead."""
    led_by = world.chains[step.id]
    for event in [*effects.events, *_messages_sent(world, effects)]:
        record(world, event, led_by=led_by)
    for change in effects.changes:
        if events := _change(world, step, change):
            record(world, *events, led_by=led_by)


def _planned(row: dict[str, Any]) -> PlannedStep:
    names = ("kind", "name", "due_at", "params", "cause", "guard", "lateness")
    return PlannedStep(**{name: row[name] for name in names}, stop_on=tuple(row["stop_on"]), key=row["dedupe_key"])


def _to_lead(effects: Effects) -> Iterator[dict[str, Any]]:
    return (note for note in effects.notifications if note["user_id"] is None)


def _messages_sent(world: World, effects: Effects) -> Iterator[Event]:
    """It stops nothing by itself, so it matters where some rule listens to it."""
    if world.setting.rules.listening_to(EventName.MESSAGE_SENT):
        for note in _to_lead(effects):
            about = {"channel": note["channel"], "template": note["template"]}
            yield lead_event(EventName.MESSAGE_SENT, world.lead, world.now, about=about, subject_id=note["id"], key="")


def _change(world: World, step: SimulatedStep, change: Change) -> list[Event]:
    """Carry out one change; returns what happened. The clinic's assignment rules are not simulated."""
    match change:
        case ChangeStage(stage, reason):
            return lead_changes.move(world, stage, reason=reason)
        case AssignTo(user_id):
            return lead_changes.give(world, user_id)
        case UpdateLead(amendment):
            return lead_changes.write(world, amendment_values(world.lead, amendment))
        case CompleteTasks(types):
            return [event for task in world.open_tasks if task.type in types for event in complete(world, task)]
        case Enroll(sequence, made):
            made["result"] = enroll(world, sequence, step.cause)
        case Unenroll(sequence, made, reason):
            made["result"] = "left" if unenroll(world, sequence, reason) else "not_in"
    return []

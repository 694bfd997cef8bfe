"""Run a due step in a simulated world, with the guard and the handler that workers use.

The effects of a step change the simulated world, as `workers.pipeline.effects_writer` changes the database.
"""

from collections.abc import Collection, Iterator
from types import SimpleNamespace
from typing import Any, Final, cast
from uuid import UUID

from app.automation.handlers.support.changes import AssignTo, ChangeStage, CompleteTasks, Enroll, Unenroll, UpdateLead
from app.automation.handlers.support.context import ContactContext, GatewayContext, GatewayView, LeadView, StepContext
from app.automation.handlers.support.guard import decide
from app.automation.simulation.contact import with_completed_tasks
from app.automation.simulation.enrollments import advance, enroll, facts_of_enrollment, unenroll
from app.automation.simulation.lead import lead_facts_for_rules
from app.automation.simulation.recording import record
from app.automation.simulation.scores import change_lead
from app.automation.simulation.timeline import EntryKind, Planned
from app.automation.simulation.world import Sent, World
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.events.events import Event, EventName
from app.engine.models import Kind, Reason, StepState
from app.engine.outcomes import Cancel, Change, Done, Effects, ExternalCall, Row, Skip, Snooze
from app.engine.plan.follow_up_steps import next_repetition, repeats
from app.engine.step_kind import STEP_KINDS
from app.leads.changes import amendment_values
from app.leads.events import lead_event
from app.leads.pipeline import transitions
from app.leads.pipeline.stages import tells_contact
from app.messaging.compose import Recipient
from app.messaging.contact_policy.contact_attempts import attempt_for_step, priority_of, series_of
from app.messaging.contact_policy.gate_input import PlannedMessage, SentMessage
from app.messaging.contact_policy.history import History
from app.messaging.contact_policy.load_facts import AttemptContext, address_for, build_contact_facts
from app.tasks.lifecycle.closing import is_meant
from app.tasks.lifecycle.task_state import set_completed

_NOWHERE: Final = UUID(int=0)
_GATEWAY: Final[Any] = SimpleNamespace(
    id=_NOWHERE, is_active=True, per_hour=None, url="", secret="", idempotent=True, rotated_at=None
)
_GATEWAY_CONTEXT: Final = GatewayContext(cast("GatewayView", _GATEWAY))  # the simulation never calls it


def run_step(world: World, step: SimpleNamespace) -> None:
    """Run the step and apply its outcome. External calls are not made: they count as done."""
    kind, context = STEP_KINDS[step.kind], context_of(world, step)
    match decide(kind, context):
        case Done() as done:
            _finish(world, step, done, kind.details(context, done))
        case ExternalCall(effects=effects):
            done = Done(effects=effects)
            _finish(world, step, done, kind.details(context, done))
        case Skip(reason=reason, detail=detail):
            _end(world, step, EntryKind.SKIPPED, reason=reason, details=detail, result=detail)
        case Cancel(reason=reason):
            _end(world, step, EntryKind.CANCELLED, reason=reason, details={}, result={})
        case Snooze(until=until, reason=reason):
            step.due_at, step.reason = until, reason
            world.queue(step)
            world.add_step_entry(step, EntryKind.PUT_OFF, reason=reason, details={"until": until})
        case failed:
            world.end(step, StepState.FAILED)
            world.add_step_entry(step, EntryKind.FAILED, details={"error": failed.error})


def _finish(world: World, step: SimpleNamespace, done: Done, details: JsonObject) -> None:
    write(world, step, done.effects)
    if step.kind == Kind.ESCALATE:
        world.escalations.add(step.id)
    _end(world, step, EntryKind.DONE, reason=None, details=details, result=done.made)
    follow(world, step, done.effects)


def _end(
    world: World,
    step: SimpleNamespace,
    what: EntryKind,
    *,
    reason: Reason | None,
    details: JsonObject,
    result: JsonObject,
) -> None:
    """End the step, plan its next repetition if it recurs, and advance its enrollment."""
    world.end(step, StepState(what), reason)
    is_recurring = what is not EntryKind.CANCELLED and repeats(step, reason, world.setting.rules)
    again = world.plan(next_repetition(step, world.now, world.setting.clinic.calendar)) if is_recurring else None
    world.add_step_entry(step, what, reason=reason, details=details, planned=(Planned.of(again),) if again else ())
    advance(world, step, reason, result)


def write(world: World, step: SimpleNamespace, effects: Effects) -> None:
    """Add tasks, steps and messages. A message counts as sent at once: delivery is not simulated."""
    for task in effects.tasks:
        world.add_task(task)
    for row in effects.steps:
        world.add_step({**row, "created_at": world.now})
    for suggestion in effects.lost_suggestions:
        world.lead.lost_suggested_at = suggestion["lost_suggested_at"]
        world.lead.lost_suggested_reason = suggestion["lost_suggested_reason"]
    for note in _to_lead(effects):
        world.contacts.append(SentMessage(world.now, note["series"]))
        world.sent.append(Sent(note["channel"], step.cause.get("enrollment_id")))


def follow(world: World, step: SimpleNamespace, effects: Effects) -> None:
    """Record the events of the step and of its messages, and apply its changes to the lead."""
    led_by = world.chains[step.id]
    for event in [*effects.events, *_messages_sent(world, effects)]:
        record(world, event, led_by=led_by)
    for change in effects.changes:
        if events := _change(world, step, change):
            record(world, *events, led_by=led_by)


def _to_lead(effects: Effects) -> Iterator[JsonDict]:
    return (note for note in effects.notifications if note["user_id"] is None)


def _messages_sent(world: World, effects: Effects) -> Iterator[Event]:
    """Yield `message.sent` events if a rule listens to them. They stop no steps."""
    if world.setting.rules.listening_to(EventName.MESSAGE_SENT):
        for note in _to_lead(effects):
            about = {"channel": note["channel"], "template": note["template"]}
            yield lead_event(EventName.MESSAGE_SENT, world.lead, world.now, about=about, subject_id=note["id"], key="")


def _change(world: World, step: SimpleNamespace, change: Change) -> list[Event]:
    """Apply one change and return its events. The clinic's assignment rules are not simulated."""
    lead, actor, at = world.lead, world.actor, world.now
    match change:
        case ChangeStage(stage, reason):
            is_contact = tells_contact(world.setting.stages, stage)
            moved = transitions.move(lead, actor, stage, at=at, is_contact=is_contact, reason=reason)
            return with_completed_tasks(world, moved)
        case AssignTo(user_id):
            return [world.assign(user_id)]
        case UpdateLead(amendment):
            return change_lead(world, amendment_values(lead, amendment))
        case CompleteTasks(types, keys, only_keyed):
            of_types = [task for task in world.open_tasks.values() if task.type in types]
            meant = [task for task in of_types if is_meant(task.key, keys, only_keyed=only_keyed)]
            return [world.change_task(set_completed, task) for task in sorted(meant, key=lambda task: task.due_at)]
        case Enroll(sequence, made, key):
            made["result"] = enroll(world, sequence, step.cause, key)
        case Unenroll(sequence, made, reason, keys):
            made["result"] = "left" if unenroll(world, sequence, reason, keys) else "not_in"
    return []


def context_of(world: World, step: SimpleNamespace) -> StepContext:
    """Return the context of the step in the current state of the world."""
    setting, facts = world.setting, _facts(world, step) if step.guard or "if" in step.params else {}
    return StepContext(
        step=step,
        now=world.now,
        clinic=setting.clinic,
        rules=setting.rules,
        lead=cast("LeadView", world.lead),
        task=world.tasks.get(step.params.get("task_id", "")),
        notification=None,
        template=setting.templates.get(step.params.get("template", "")),
        people=setting.people,
        turns=world.task_turns,
        task_template=setting.task_templates.get(step.params.get("task_template", "")),
        names=setting.names,
        write_message=_note_message,
        stages=setting.stages,
        contact=_contact(world, step) if STEP_KINDS[step.kind].writes_to_lead else None,
        gateway_context=_GATEWAY_CONTEXT,
        sequences=setting.sequences,
        is_escalated=world.is_escalated,
        has_left="enrollment_id" in step.cause and all(one.step_id != step.id for one in world.enrollments),
        **facts,
    )


def _note_message(
    context: StepContext,
    to: Recipient,
    channels: Collection[str],
    *,
    user_name: str | None = None,  # noqa: ARG001  (the text is not used)
) -> list[Row]:
    series, template = series_of(context.step), context.params["template"]
    return [
        {"id": context.step.id, "user_id": to.user_id, "channel": channel, "series": series, "template": template}
        for channel in channels
    ]


def _facts(world: World, step: SimpleNamespace) -> JsonDict:
    """Return the facts that only guards and branches use."""
    extra_facts = lead_facts_for_rules(world.lead, world.next_follow_up_at, world.lost_suggestion_at)
    return {"extra_facts": extra_facts, "enrollment": facts_of_enrollment(world, step)}


def _contact(world: World, step: SimpleNamespace) -> ContactContext:
    channel = step.params["channel"]
    attempt = attempt_for_step(step, channel, address_for(world.lead, channel), planned_at=step.created_at)
    with_lead = AttemptContext(world.lead, world.setting.clinic, attempt)
    others = (other for other in world.pending.values() if other is not step)
    messages = (other for other in others if STEP_KINDS[other.kind].writes_to_lead)
    ahead = [PlannedMessage(other.due_at, priority_of(other)) for other in messages]
    return ContactContext(
        attempt,
        build_contact_facts(
            with_lead,
            History(world.contacts, ahead),
            is_suppressed=channel in world.suppressed,
            last_inbound_at=world.last_inbound.get(channel),
        ),
    )

"""Enrollments in a simulated world: entry, progression and exit, as in `app.automation.sequences`."""

from collections.abc import Collection, Sequence
from types import SimpleNamespace
from typing import Final
from uuid import uuid5

from app.automation.sequences.enrollments.enroll import (
    EnrollmentBatch,
    EnrollmentResult,
    enrollment_row,
    history_refusal,
    lead_refusal,
)
from app.automation.sequences.enrollments.exit import step_reason
from app.automation.sequences.event_listeners import TASK_END_EVENTS, ending_events
from app.automation.sequences.facts import MessageReports, facts_of_reports
from app.automation.sequences.models import EnrollmentState
from app.automation.simulation.timeline import EntryKind, Planned
from app.automation.simulation.world import World
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.events.events import Event
from app.engine.events.keys import concerns, parts
from app.engine.models import Reason, StepState
from app.engine.sequences.progression import EnrollmentContext, StepResult, plan_step
from app.engine.sequences.sequence import EXIT_BY_EVENT, ExitReason, SequenceStep
from app.identity.message_tracking import TrackingSettings
from app.messaging.channels import email
from app.messaging.channels.registry import CHANNELS

COMPLETED: Final = "completed"


def enroll(world: World, slug: str, cause: JsonObject, key: str = "") -> EnrollmentResult:
    """Enroll the lead if the sequence allows it, and plan the first step. Returns the result. `key`: as for workers."""
    sequences, lead, before = world.setting.sequences, world.lead, world.enrollments
    sequence = sequences.by_slug.get(slug)
    if sequence is None or sequence.id not in sequences.active:
        return EnrollmentResult.SEQUENCE_INACTIVE
    if refusal := lead_refusal(lead, cause) or history_refusal(sequence, before, world.now, key=key):
        return refusal
    id_ = uuid5(lead.id, f"{slug}:{len(before)}")  # deterministic, so that each run chooses the same variants
    batch = EnrollmentBatch(world.setting.clinic, sequence, world.now, {lead.id: cause}, keys={lead.id: key})
    row = enrollment_row(batch, lead, before, id_=id_)
    enrollment = SimpleNamespace(**row, text=sequence, waits_for_task_id=None, ended_at=None)
    world.enrollments.append(enrollment)
    if enrollment.label:
        lead.tags = [*lead.tags, enrollment.label]
    world.add_entry(EntryKind.ENROLLED, slug, details=_about(enrollment))
    _plan_step(world, enrollment, sequence.first)
    return EnrollmentResult.ENROLLED


def enroll_manually(world: World, slug: str) -> None:
    """Enroll the lead as a user does. A refusal becomes an entry of the timeline."""
    result = enroll(world, slug, {})
    if result is not EnrollmentResult.ENROLLED:
        world.add_entry(EntryKind.REFUSED, slug, reason=result)


def unenroll(world: World, slug: str, reason: ExitReason, keys: Collection[str] | None = None) -> bool:
    """End the enrollments in the sequence that an event about `keys` concerns. Returns whether there were any."""
    mine = [one for one in world.live_enrollments if one.text.slug == slug and concerns(keys, one.key)]
    for enrollment in mine:
        _leave(world, enrollment, reason)
    return bool(mine)


def advance(world: World, step: SimpleNamespace, reason: Reason | None, details: JsonObject) -> None:
    """Advance the enrollment after its step ended: to the next step, to a wait for its task, or to its exit."""
    enrollment = next((one for one in world.live_enrollments if one.step_id == step.id), None)
    if enrollment is None:
        return
    result = StepResult(enrollment.text, enrollment.text.step(step.cause["step"]), reason, details)
    if result.exit:
        _leave(world, enrollment, result.exit)
    elif result.waits:
        mine = (task.id for task in world.open_tasks.values() if task.step_id == step.id)
        enrollment.waits_for_task_id = next(mine)
    else:
        _go_on(world, enrollment, result.next)


def follow_events(world: World, events: Sequence[Event]) -> None:
    """End the enrollments that these events stop, and continue those that waited for one of these tasks."""
    ending = ending_events(events)
    for enrollment in world.live_enrollments if ending else ():
        if reason := _exit_reason(enrollment, ending):
            _leave(world, enrollment, reason)
    over = {event.subject_id for event in events if event.name in TASK_END_EVENTS}
    for enrollment in world.live_enrollments if over else ():
        if enrollment.waits_for_task_id in over:
            enrollment.waits_for_task_id = None
            _go_on(world, enrollment, enrollment.text.after(enrollment.step))


def facts_of_enrollment(world: World, step: SimpleNamespace) -> JsonDict:
    """Return the facts of the step's enrollment."""
    id_ = step.cause.get("enrollment_id")
    enrollment = next((one for one in world.enrollments if str(one.id) == id_), None)
    if enrollment is None:
        return {}
    sent, replied_at = [one for one in world.sent if one.enrollment_id == id_], world.lead.replied_at
    last = sent[-1] if sent else None
    reports = MessageReports(
        reports_opens=any(_reports(world, one.channel).opens for one in sent),
        reports_clicks=any(_reports(world, one.channel).clicks for one in sent),
        opened=any(one.is_opened for one in sent),
        clicked=any(one.is_clicked for one in sent),
        last_reports_opens=_reports(world, last.channel).opens if last else None,
        last_reports_clicks=_reports(world, last.channel).clicks if last else None,
        last_opened=last.is_opened if last else None,
        last_clicked=last.is_clicked if last else None,
        replied=bool(replied_at and replied_at > enrollment.enrolled_at),
    )
    return facts_of_reports(reports)


def _reports(world: World, channel: str) -> TrackingSettings:
    """Return whether opens and clicks of messages on this channel are reported."""
    if CHANNELS.needs_gateway(channel):
        return TrackingSettings(opens=True, clicks=True)
    return world.setting.clinic.tracking if channel == email.CHANNEL.name else TrackingSettings()


def _exit_reason(enrollment: SimpleNamespace, events: Sequence[Event]) -> ExitReason | None:
    """Return why these events end the enrollment: the goal, else the first event; None if they do not."""
    names = [event.name for event in events if concerns(event.keys, enrollment.key)]
    if any(name in enrollment.goal for name in names):
        return ExitReason.GOAL
    named = next((name for name in names if name in enrollment.exit_on), None)
    return EXIT_BY_EVENT.get(named, ExitReason.STOPPED) if named else None


def _go_on(world: World, enrollment: SimpleNamespace, step: SequenceStep | None) -> None:
    if step:
        _plan_step(world, enrollment, step)
    else:
        _end(world, enrollment, EnrollmentState.COMPLETED, COMPLETED)


def _plan_step(world: World, enrollment: SimpleNamespace, step: SequenceStep) -> None:
    context = EnrollmentContext(enrollment.id, world.lead.timezone, enrollment.cause, tuple(world.lead.best_hours))
    calendar = world.setting.clinic.calendar
    planned = world.plan(plan_step(enrollment.text, step, context, at=world.now, calendar=calendar))
    assert planned is not None  # noqa: S101  (it has no deduplication key)
    enrollment.step, enrollment.step_id = step.name, planned.id
    next_step = (Planned.of(planned),)
    world.add_entry(EntryKind.NEXT, enrollment.text.slug, planned=next_step, details=_about(enrollment))


def _leave(world: World, enrollment: SimpleNamespace, reason: ExitReason) -> None:
    if step := world.pending.get(enrollment.step_id):
        world.end(step, StepState.CANCELLED, step_reason(reason))
        details = {"by": reason, "due_at": step.due_at}
        world.add_step_entry(step, EntryKind.CANCELLED, reason=step.reason, details=details)
    _end(world, enrollment, EnrollmentState.EXITED, reason)


def _end(world: World, enrollment: SimpleNamespace, state: EnrollmentState, reason: str) -> None:
    enrollment.state, enrollment.ended_at, enrollment.step_id = state, world.now, None
    label = enrollment.label
    if label and all(one.label != label for one in world.live_enrollments):
        world.lead.tags = [tag for tag in world.lead.tags if tag != label]
    world.add_entry(EntryKind.LEFT, enrollment.text.slug, reason=reason, details=_about(enrollment))


def _about(enrollment: SimpleNamespace) -> JsonDict:
    """Return what the enrollment is about, for the timeline."""
    key = parts(enrollment.key)
    return {key.name: key.value} if key else {}

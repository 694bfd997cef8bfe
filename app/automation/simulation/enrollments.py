"""Enrollments in a simulated world: entry, progression and exit, as in `app.automation.sequences`."""

from collections.abc import Iterator, Sequence
from typing import Final
from uuid import uuid5

from app.automation.sequences.enrollments.enroll import EnrollmentResult, history_refusal, label_of, lead_refusal
from app.automation.sequences.event_listeners import GATEWAY_EVENTS, TASK_END_EVENTS
from app.automation.sequences.models import EnrollmentState
from app.automation.simulation.state import SimulatedEnrollment, SimulatedStep, planned_entry
from app.automation.simulation.timeline import EntryKind
from app.automation.simulation.world import World
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.events.events import Event, stop_reason
from app.engine.models import Kind, Reason, StepState
from app.engine.sequences.progression import EnrollmentContext, exit_reason_after_skip, plan_step
from app.engine.sequences.sequence import EXIT_BY_EVENT, ExitReason, SequenceStep
from app.messaging.channels.registry import CHANNELS

COMPLETED: Final = "completed"


def enroll(world: World, slug: str, cause: JsonObject) -> EnrollmentResult:
    """Enroll the lead if the sequence allows it, and plan the first step. Returns the result."""
    sequences, lead, before = world.setting.sequences, world.lead, world.enrollments
    sequence = sequences.by_slug.get(slug)
    if sequence is None or sequence.id not in sequences.active:
        return EnrollmentResult.SEQUENCE_INACTIVE
    if refusal := lead_refusal(lead, cause) or history_refusal(sequence, before, world.now):
        return refusal
    id_ = uuid5(lead.id, f"{slug}:{len(before)}")  # deterministic, so that each run chooses the same variants
    label, begun = label_of(sequence, lead, before), EnrollmentContext.start(id_, slug, cause, timezone=lead.timezone)
    enrollment = SimulatedEnrollment(sequence, begun, enrolled_at=world.now, label=label)
    world.enrollments.append(enrollment)
    if label:
        lead.tags = [*lead.tags, label]
    world.add_entry(EntryKind.ENROLLED, slug)
    _plan_step(world, enrollment, sequence.first)
    return EnrollmentResult.ENROLLED


def enroll_manually(world: World, slug: str) -> None:
    """Enroll the lead as a user does. A refusal becomes an entry of the timeline."""
    came = enroll(world, slug, {})
    if came is not EnrollmentResult.ENROLLED:
        world.add_entry(EntryKind.REFUSED, slug, reason=came)


def unenroll(world: World, slug: str, reason: ExitReason) -> bool:
    """End the lead's enrollments in the sequence. Returns whether there were any."""
    mine = [one for one in world.live_enrollments if one.sequence.slug == slug]
    for enrollment in mine:
        _leave(world, enrollment, reason)
    return bool(mine)


def advance(world: World, step: SimulatedStep, reason: Reason | None, result: JsonObject) -> None:
    """Advance the enrollment after its step ended: to the next step, to a wait for its task, or to its exit."""
    enrollment = next((one for one in world.live_enrollments if one.step_id == step.id), None)
    if enrollment is None:
        return
    at = enrollment.sequence.step(step.cause["step"])
    if ended := exit_reason_after_skip(reason, result) if reason else None:
        _leave(world, enrollment, ended)
    elif at.waits_for_task and reason is None:
        enrollment.waits_for = next(task.id for task in world.open_tasks if task.step_id == step.id)
    else:
        way = result.get("way") if step.kind == Kind.BRANCH else None
        _go_on(world, enrollment, enrollment.sequence.after(at.name, way))


def follow_events(world: World, events: Sequence[Event]) -> None:
    """End the enrollments that these events stop, and continue those that waited for one of these tasks."""
    for enrollment in world.live_enrollments:
        if reason := next(_reasons(enrollment, events), None):
            _leave(world, enrollment, reason)
    over = {event.subject_id for event in events if event.name in TASK_END_EVENTS}
    for enrollment in world.live_enrollments:
        if enrollment.waits_for in over:
            enrollment.waits_for = None
            _go_on(world, enrollment, enrollment.sequence.after(enrollment.step))


def facts_of_enrollment(world: World, step: SimulatedStep) -> JsonDict:
    """Return the facts of the step's enrollment. Only gateways report opened messages: None where it is unknown."""
    id_ = step.cause.get("enrollment_id")
    enrollment = next((one for one in world.enrollments if str(one.id) == id_), None)
    if enrollment is None:
        return {}
    sent, replied_at = [one for one in world.sent if one.enrollment_id == id_], world.lead.replied_at
    is_reported = [CHANNELS.needs_gateway(one.channel) for one in sent]
    nobody_knows = False if any(is_reported) else None
    unknown_of_last = False if is_reported and is_reported[-1] else None
    return {
        "opened": any(one.is_opened for one in sent) or nobody_knows,
        "clicked": any(one.is_clicked for one in sent) or nobody_knows,
        "last_opened": sent[-1].is_opened or unknown_of_last if sent else None,
        "last_clicked": sent[-1].is_clicked or unknown_of_last if sent else None,
        "replied": bool(replied_at and replied_at > enrollment.enrolled_at),
    }


def _reasons(enrollment: SimulatedEnrollment, events: Sequence[Event]) -> Iterator[ExitReason]:
    """Yield the reasons to exit: the goal first, then the first event that ends the enrollment."""
    ending = [event.name for event in events if stop_reason(event.name) or event.name in GATEWAY_EVENTS]
    yield from (ExitReason.GOAL for name in ending if name in enrollment.sequence.goal)
    named = (name for name in ending if name in enrollment.sequence.exit_on)
    yield from (EXIT_BY_EVENT.get(name, ExitReason.STOPPED) for name in named)


def _go_on(world: World, enrollment: SimulatedEnrollment, step: SequenceStep | None) -> None:
    if step:
        _plan_step(world, enrollment, step)
    else:
        _end(world, enrollment, EnrollmentState.COMPLETED, COMPLETED)


def _plan_step(world: World, enrollment: SimulatedEnrollment, step: SequenceStep) -> None:
    calendar = world.setting.clinic.calendar
    planned = world.plan(plan_step(enrollment.sequence, step, enrollment.context, at=world.now, calendar=calendar))
    assert planned is not None  # noqa: S101  (it has no deduplication key)
    enrollment.step, enrollment.step_id = step.name, planned.id
    world.add_entry(EntryKind.NEXT, enrollment.sequence.slug, planned=(planned_entry(planned),))


def _leave(world: World, enrollment: SimulatedEnrollment, reason: ExitReason) -> None:
    for step in world.pending:
        if step.id == enrollment.step_id:
            because = Reason(reason) if reason in {*Reason} else Reason.NOT_ENROLLED
            world.end(step, StepState.CANCELLED, because)
            world.add_step_entry(
                step, EntryKind.CANCELLED, reason=because, details={"by": reason, "due_at": step.due_at}
            )
    _end(world, enrollment, EnrollmentState.EXITED, reason)


def _end(world: World, enrollment: SimulatedEnrollment, state: EnrollmentState, reason: str) -> None:
    enrollment.state, enrollment.ended_at, enrollment.step_id = state, world.now, None
    label = enrollment.label
    if label and all(one.label != label for one in world.live_enrollments):
        world.lead.tags = [tag for tag in world.lead.tags if tag != label]
    world.add_entry(EntryKind.LEFT, enrollment.sequence.slug, reason=reason)

"""Simulated sweeps: those of `beat_schedule`, only at the ticks at which they would find the lead."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, NamedTuple

from app.automation.nurtures.runs import EVENT
from app.automation.nurtures.schedule import next_run
from app.automation.sequences.models import LIVE
from app.automation.simulation.enrollments import enroll
from app.automation.simulation.recording import record
from app.automation.simulation.state import Nurture
from app.automation.simulation.task_actions import mark_overdue
from app.automation.simulation.world import World
from app.core.calendar.durations import parse_duration
from app.engine.events.events import Event, EventName
from app.engine.models import Kind
from app.engine.sequences.sequence import Sequence
from app.leads.enums import LeadStatus
from app.leads.events import lead_event, lead_facts

# The intervals of beat. The simulated beat ticks at whole multiples of them since 1970.
OVERDUE_TASKS: Final = timedelta(seconds=20)
STALE_LEADS: Final = timedelta(minutes=5)
TIME_IN_STAGE: Final = timedelta(minutes=5)
NEXT_ACTIONS: Final = timedelta(seconds=20)

TO_PLAN: Final = timedelta(minutes=5)  # after the last activity, as in `workers.sweeps.next_actions`
ACTING: Final = frozenset({Kind.CREATE_TASK, Kind.ESCALATE, Kind.SEND_MESSAGE})
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_OPEN: Final = (LeadStatus.NEW, LeadStatus.ACTIVE)


class SweepRun(NamedTuple):
    """A run of a sweep that finds something: its time and its action."""

    at: datetime
    act: Callable[[], None]


def next_sweep(world: World) -> SweepRun | None:
    """Return the next sweep that finds something in the current state of the world; None if none does."""
    return min(_sweep_runs(world), key=lambda look: look.at, default=None)


def _sweep_runs(world: World) -> Iterator[SweepRun]:
    if tasks := world.tasks_not_overdue:
        due_at = min(task.due_at for task in tasks)
        yield SweepRun(_tick(world, due_at, OVERDUE_TASKS), partial(_mark_overdue, world))
    if world.lead.status in _OPEN and world.lead.deleted_at is None:
        yield from _open_lead_runs(world)


def _open_lead_runs(world: World) -> Iterator[SweepRun]:
    lead, setting = world.lead, world.setting
    for nurture in setting.nurtures:
        if at := next_enrolling_run(world, nurture):
            yield SweepRun(at, partial(run_nurture, world, nurture))
    if lead.stale_since is None and _has_listeners(world, EventName.LEAD_STALE):
        since = lead.last_activity_at + timedelta(days=setting.clinic.stale_after_days)
        yield SweepRun(_tick(world, since, STALE_LEADS), partial(_flag, world, EventName.LEAD_STALE))
    most_days = setting.max_days.get(lead.pipeline_stage)
    if most_days and lead.stage_overdue_since is None and _has_listeners(world, EventName.LEAD_STAGE_OVERDUE):
        since = lead.stage_entered_at + timedelta(days=most_days)
        yield SweepRun(_tick(world, since, TIME_IN_STAGE), partial(_flag, world, EventName.LEAD_STAGE_OVERDUE))
    if lead.restricted_at is None and _has_listeners(world, EventName.LEAD_WITHOUT_NEXT_ACTION):
        yield from _next_action_runs(world)


def _next_action_runs(world: World) -> Iterator[SweepRun]:
    lead, has_task = world.lead, world.has_open_task
    waiting = [step for step in world.pending if step.kind in ACTING or "enrollment_id" in step.cause]
    if lead.without_next_action_since is None:
        if not has_task and not waiting:
            yield SweepRun(
                _tick(world, lead.last_activity_at + TO_PLAN, NEXT_ACTIONS), partial(_flag_without_next_action, world)
            )
    elif has_task or any(step.cause["event"] != EventName.LEAD_WITHOUT_NEXT_ACTION for step in waiting):
        yield SweepRun(_tick(world, world.now, NEXT_ACTIONS), partial(_clear_without_next_action, world))


def _tick(world: World, since: datetime, every: timedelta) -> datetime:
    """Return the first tick after `since` that is not in the past."""
    after, from_now_on = since + every - (since - _EPOCH) % every, world.now + (_EPOCH - world.now) % every
    return max(after, from_now_on)


def _has_listeners(world: World, name: EventName) -> bool:
    return bool(world.setting.rules.listening_to(name))


def _mark_overdue(world: World) -> None:
    events = [mark_overdue(world, task) for task in world.tasks_not_overdue if task.due_at < world.now]
    if _has_listeners(world, EventName.TASK_OVERDUE):
        record(world, *events)


def _flag(world: World, name: EventName) -> None:
    """Flag the lead and record the event. It fires once, until an activity or a stage change clears the flag."""
    flag, since = _FLAGS[name]
    setattr(world.lead, flag, world.now)
    key, about = getattr(world.lead, since).isoformat(), {"lead": lead_facts(world.lead)}
    record(world, Event(name, world.lead.id, subject_id=world.lead.id, occurred_at=world.now, facts=about, key=key))


_FLAGS: Final = {
    EventName.LEAD_STALE: ("stale_since", "last_activity_at"),
    EventName.LEAD_STAGE_OVERDUE: ("stage_overdue_since", "stage_entered_at"),
}


def _flag_without_next_action(world: World) -> None:
    world.lead.without_next_action_since = world.now
    key = world.now.isoformat()
    record(world, lead_event(EventName.LEAD_WITHOUT_NEXT_ACTION, world.lead, world.now, key=key))


def _clear_without_next_action(world: World) -> None:
    world.lead.without_next_action_since = None


_MOMENT = timedelta(microseconds=1)


def next_enrolling_run(world: World, nurture: Nurture) -> datetime | None:
    """Return the time of the nurture's first run that would enroll the lead; None if none will."""
    sequence, lead = world.setting.sequences.by_slug.get(nurture.sequence), world.lead
    if sequence is None or lead.score is None or not nurture.score_from <= lead.score <= nurture.score_to:
        return None
    free_at = _re_entry_at(world, sequence)
    if free_at is None or lead.opted_out_at is not None or lead.restricted_at is not None:
        return None
    heard_at = max(filter(None, (lead.created_at, lead.replied_at, lead.last_touch_at)))
    silent_at = max(heard_at + parse_duration(nurture.silent_for), free_at)
    after = max(silent_at - _MOMENT, world.now)
    return next_run(nurture.run_hours, nurture.days, world.setting.clinic.calendar, after=after)


def run_nurture(world: World, nurture: Nurture) -> None:
    """Enroll the lead in the nurture's sequence. Score and silence are checked already."""
    cause = {"event": EVENT, "subject_id": nurture.name, "occurred_at": world.now.isoformat()}
    enroll(world, nurture.sequence, cause)


def _re_entry_at(world: World, sequence: Sequence) -> datetime | None:
    """Return the time from which the sequence's re-entry rule allows the lead; None if it does not."""
    mine = [one for one in world.enrollments if one.sequence_id == sequence.id]
    if any(one.state in LIVE for one in mine) or (mine and not sequence.re_entry.is_allowed):
        return None
    ends = [one.ended_at + sequence.re_entry.after for one in mine if one.ended_at]
    return max(ends, default=world.now)

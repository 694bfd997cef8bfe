"""Simulated sweeps: those of `beat_schedule`, only at the ticks at which they would find the lead."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, TypeAlias

from app.automation.nurtures.models import Nurture
from app.automation.nurtures.runs import EVENT
from app.automation.nurtures.schedule import next_run
from app.automation.sequences.models import LIVE
from app.automation.simulation.enrollments import enroll
from app.automation.simulation.recording import record
from app.automation.simulation.scores import update_score
from app.automation.simulation.task_actions import mark_overdue
from app.automation.simulation.world import StoredScore, World
from app.core.calendar.durations import parse_duration
from app.engine.events.events import EventName
from app.engine.sequences.sequence import Sequence
from app.leads.enums import OPEN_STATUSES
from app.leads.events import FLAGGED_SINCE, flag_event, lead_event
from app.leads.search.without_next_action import ACTING_KINDS, TO_PLAN

# The intervals of beat. The simulated beat ticks at whole multiples of them since 1970.
OVERDUE_TASKS: Final = timedelta(seconds=20)
STALE_LEADS: Final = timedelta(minutes=5)
TIME_IN_STAGE: Final = timedelta(minutes=5)
NEXT_ACTIONS: Final = timedelta(seconds=20)
SCORES: Final = timedelta(seconds=30)
ALL_SCORES: Final = timedelta(days=1)  # for leads to which nothing happened; how often depends on their number

Action: TypeAlias = tuple[datetime, Callable[[], None]]  # something that happens at this time

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT: Final = timedelta(microseconds=1)
_STALE, _STAGE_OVERDUE = EventName.LEAD_STALE, EventName.LEAD_STAGE_OVERDUE


def sweep_runs(world: World) -> Iterator[Action]:
    """Yield the next run of each sweep that finds something in the current state of the world."""
    if tasks := world.tasks_not_overdue:
        due_at = min(task.due_at for task in tasks.values())
        yield _tick(world, due_at, OVERDUE_TASKS), partial(_mark_overdue, world)
    if world.lead.status in OPEN_STATUSES and world.lead.deleted_at is None:
        yield from _open_lead_runs(world)


def _open_lead_runs(world: World) -> Iterator[Action]:
    lead, setting, listening_to = world.lead, world.setting, world.setting.rules.listening_to
    if stored := world.score:
        since, every = (world.unscored_since, SCORES) if world.unscored_since else (stored.at, ALL_SCORES)
        yield _tick(world, since, every), partial(_score, world, stored)
    for nurture in setting.nurtures:
        if at := _next_enrolling_run(world, nurture):
            yield at, partial(_run_nurture, world, nurture)
    if lead.stale_since is None and listening_to(_STALE):
        yield _flagging(world, _STALE, "stale_since", days=setting.clinic.stale_after_days, every=STALE_LEADS)
    most = setting.max_days.get(lead.pipeline_stage)
    if most and lead.stage_overdue_since is None and listening_to(_STAGE_OVERDUE):
        yield _flagging(world, _STAGE_OVERDUE, "stage_overdue_since", days=most, every=TIME_IN_STAGE)
    if lead.restricted_at is None and listening_to(EventName.LEAD_WITHOUT_NEXT_ACTION):
        yield from _next_action_runs(world)


def _score(world: World, stored: StoredScore) -> None:
    world.unscored_since = None
    update_score(world, stored)


def _flagging(world: World, name: EventName, flag: str, *, days: int, every: timedelta) -> Action:
    since = getattr(world.lead, FLAGGED_SINCE[name]) + timedelta(days=days)
    return _tick(world, since, every), partial(_flag, world, name, flag)


def _next_action_runs(world: World) -> Iterator[Action]:
    lead, has_task = world.lead, bool(world.open_tasks)
    waiting = [step for step in world.pending.values() if step.kind in ACTING_KINDS or "enrollment_id" in step.cause]
    if lead.without_next_action_since is None:
        if not has_task and not waiting:
            quiet = lead.last_activity_at + TO_PLAN
            yield _tick(world, quiet, NEXT_ACTIONS), partial(_flag_without_next_action, world)
    elif has_task or any(step.cause["event"] != EventName.LEAD_WITHOUT_NEXT_ACTION for step in waiting):
        yield _tick(world, world.now, NEXT_ACTIONS), partial(setattr, lead, "without_next_action_since", None)


def _tick(world: World, since: datetime, every: timedelta) -> datetime:
    """Return the first tick after `since` that is not in the past."""
    after, from_now_on = since + every - (since - _EPOCH) % every, world.now + (_EPOCH - world.now) % every
    return max(after, from_now_on)


def _mark_overdue(world: World) -> None:
    late = [task for task in world.tasks_not_overdue.values() if task.due_at < world.now]
    events = [mark_overdue(world, task) for task in late]
    if world.setting.rules.listening_to(EventName.TASK_OVERDUE):
        record(world, *events)


def _flag(world: World, name: EventName, flag: str) -> None:
    setattr(world.lead, flag, world.now)
    record(world, flag_event(name, world.lead, world.now))


def _flag_without_next_action(world: World) -> None:
    lead, now = world.lead, world.now
    lead.without_next_action_since = now
    record(world, lead_event(EventName.LEAD_WITHOUT_NEXT_ACTION, lead, now, key=now.isoformat()))


def _next_enrolling_run(world: World, nurture: Nurture) -> datetime | None:
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


def _re_entry_at(world: World, sequence: Sequence) -> datetime | None:
    """Return the time from which the sequence's re-entry rule allows the lead; None if it does not."""
    mine = [one for one in world.enrollments if one.sequence_id == sequence.id]
    if any(one.state in LIVE for one in mine) or (mine and not sequence.re_entry.is_allowed):
        return None
    ends = [one.ended_at + sequence.re_entry.after for one in mine if one.ended_at]
    return max(ends, default=world.now)


def _run_nurture(world: World, nurture: Nurture) -> None:
    """Enroll the lead in the nurture's sequence. Score and silence are checked already."""
    cause = {"event": EVENT, "subject_id": nurture.name, "occurred_at": world.now.isoformat()}
    enroll(world, nurture.sequence, cause)

"""Nurture runs of a simulation: at local hours of the clinic, with the search of `app.automation.nurtures`."""

from datetime import datetime, timedelta

from app.automation.nurtures.hours import next_run
from app.automation.nurtures.running import EVENT
from app.automation.sequences.models import LIVE
from app.automation.simulation.enrollments import enroll
from app.automation.simulation.state import Nurture
from app.automation.simulation.world import World
from app.core.calendar.durations import parse_duration
from app.engine.sequences.sequence import Sequence

_MOMENT = timedelta(microseconds=1)


def next_taking(world: World, nurture: Nurture) -> datetime | None:
    """The first of its runs that would take the lead as the world is now; None: none will."""
    sequence, lead = world.setting.sequences.by_slug.get(nurture.sequence), world.lead
    if sequence is None or lead.score is None or not nurture.score_from <= lead.score <= nurture.score_to:
        return None
    free_at = _free_at(world, sequence)
    if free_at is None or lead.opted_out_at is not None or lead.restricted_at is not None:
        return None
    heard_at = max(filter(None, (lead.created_at, lead.replied_at, lead.last_touch_at)))
    silent_at = max(heard_at + parse_duration(nurture.silent_for), free_at)
    after = max(silent_at - _MOMENT, world.now)
    return next_run(nurture.run_hours, nurture.days, world.setting.clinic.calendar, after=after)


def take(world: World, nurture: Nurture) -> None:
    """Put the lead into the nurture's sequence, where nothing but the score and the silence stands against it."""
    cause = {"event": EVENT, "subject_id": nurture.name, "occurred_at": world.now.isoformat()}
    enroll(world, nurture.sequence, cause)


def _free_at(world: World, sequence: Sequence) -> datetime | None:
    """From when on it may be in the sequence, as far as that one is concerned."""
    mine = [one for one in world.enrollments if one.sequence_id == sequence.id]
    if any(one.state in LIVE for one in mine) or (mine and not sequence.re_entry.is_allowed):
        return None
    ends = [one.ended_at + sequence.re_entry.after for one in mine if one.ended_at]
    return max(ends, default=world.now)

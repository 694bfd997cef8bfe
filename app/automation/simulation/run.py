"""Event loop of a simulation: process the next script event, step or sweep in order of time. Pure."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from operator import itemgetter
from typing import Any, Final
from zoneinfo import ZoneInfo

from app.automation.simulation.enrollments import enroll_manually
from app.automation.simulation.recording import record
from app.automation.simulation.run_step import run_step
from app.automation.simulation.scores import begin_score
from app.automation.simulation.script import Script, ScriptEvent
from app.automation.simulation.script_actions import act
from app.automation.simulation.sweeps import Action, sweep_runs
from app.automation.simulation.timeline import Planned, Simulation
from app.automation.simulation.world import Setting, World
from app.leads.events import lead_created

MOST_RUN: Final = 5000  # steps, events and sweep runs of one simulation
MOST_DECIDED: Final = 20_000  # decisions of rules: the response lists each of them
MOST_PLANNED: Final = 10_000  # steps: many rules may plan more for one event than a call can run


def simulate(
    name: str, world: World, script: Script, *, until: datetime, is_new: bool = True, into: str | None = None
) -> Simulation:
    """Simulate from now in the world until `until`. The world is modified.

    The lead is created at the start, or enrolled in the sequence `into`, or continues as it is.
    """
    start, lead = world.now, world.lead
    world.setting = _with_holidays(world.setting, script.holidays)
    begin_score(world, is_new=is_new and not into)
    if into:
        enroll_manually(world, into)
    elif is_new:
        record(world, lead_created(lead, start))
    events, ran = list(reversed(script.events)), 0
    while (following := _next(world, events)) and following[0] <= until and _is_within_limits(world, ran):
        world.now, happen = following
        happen()
        ran += 1
    zone = world.setting.clinic.calendar.zone
    return Simulation(
        name=name,
        start=start,
        until=until,
        zones=(zone, ZoneInfo(lead.timezone) if lead.timezone else zone),
        is_complete=following is None or following[0] > until,
        timeline=tuple(world.timeline),
        pending=tuple(Planned.of(step) for step in sorted(world.pending.values(), key=lambda step: step.due_at)),
    )


def _is_within_limits(world: World, ran: int) -> bool:
    return ran < MOST_RUN and len(world.chains) < MOST_PLANNED and world.decision_count < MOST_DECIDED


def _next(world: World, events: list[ScriptEvent]) -> Action | None:
    return min(_candidates(world, events), key=itemgetter(0), default=None)


def _candidates(world: World, events: list[ScriptEvent]) -> Iterator[Action]:
    """Yield the next actions. At equal times script events come first, then steps, then sweeps."""
    if events:
        yield events[-1].at, lambda: act(world, events.pop())
    if step := world.next_step():
        yield max(step.due_at, world.now), partial(run_step, world, step)
    yield from sweep_runs(world)


def _with_holidays(setting: Setting, days: frozenset[date]) -> Setting:
    """Return the setting with these days as additional holidays."""
    if not days:
        return setting
    calendar = setting.clinic.calendar
    closed = replace(calendar, closed_on=_Union(days, calendar.closed_on))
    return replace(setting, clinic=replace(setting.clinic, calendar=closed))


class _Union:
    """Union of containers, by membership only."""

    def __init__(self, *of: Any) -> None:
        self._of = of

    def __contains__(self, day: object) -> bool:
        return any(day in days for days in self._of)

"""Event loop of a simulation: process the next script event, step or sweep in order of time. Pure."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from types import SimpleNamespace
from typing import Any, Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from app.automation.simulation.enrollments import enroll_manually
from app.automation.simulation.recording import record
from app.automation.simulation.run_step import run_step
from app.automation.simulation.script import Script, ScriptEvent
from app.automation.simulation.script_actions import act
from app.automation.simulation.state import Setting, SimulatedEnrollment, SimulatedStep, planned_entry
from app.automation.simulation.sweeps import next_sweep
from app.automation.simulation.timeline import Simulation
from app.automation.simulation.world import World
from app.core.type_aliases import JsonObject
from app.engine.events.events import Chain
from app.leads.events import lead_created
from app.messaging.contact_policy.facts import SentMessage

MOST_RUN: Final = 5000  # steps, events and sweep runs of one simulation
MOST_DECIDED: Final = 20_000  # decisions of rules: the response lists each of them
MOST_PLANNED: Final = 10_000  # steps: many rules may plan more for one event than a call can run


class Next(NamedTuple):
    """The next action. At equal times script events come first, then steps, then sweeps."""

    at: datetime
    happens: Callable[[], None]


@dataclass(frozen=True, slots=True)
class StartState:
    """Initial state: a new lead, a lead that is enrolled in the sequence `into`, or a lead as it is now."""

    setting: Setting
    lead: SimpleNamespace
    is_new: bool = True
    into: str | None = None
    tasks: Sequence[JsonObject] = ()
    steps: Sequence[SimulatedStep] = ()
    contacts: Sequence[SentMessage] = ()
    enrollments: Sequence[SimulatedEnrollment] = ()
    chains: Mapping[UUID, Chain] = field(default_factory=dict)  # chains of the steps that created the tasks
    suppressed: Collection[str] = ()  # suppressed channels


def simulate(name: str, begin: StartState, script: Script, *, start: datetime, until: datetime) -> Simulation:
    """Simulate from `start` to `until`. The lead and the steps of `begin` are modified."""
    setting, lead = _with_holidays(begin.setting, script.holidays), begin.lead
    world = World(setting, lead, now=start, suppressed=set(begin.suppressed), contacts=list(begin.contacts))
    world.enrollments += begin.enrollments
    world.chains |= begin.chains
    for task in begin.tasks:
        world.add_task(task)
    for step in begin.steps:
        world.add(step)
    if begin.into:
        enroll_manually(world, begin.into)
    elif begin.is_new:
        record(world, lead_created(lead, start))
    events, ran = list(reversed(script.events)), 0
    while (following := _next(world, events)) and following.at <= until and _is_within_limits(world, ran):
        world.now = following.at
        following.happens()
        ran += 1
    own = ZoneInfo(lead.timezone) if lead.timezone else setting.clinic.calendar.zone
    pending = sorted(world.pending, key=lambda step: step.due_at)
    return Simulation(
        name=name,
        start=start,
        until=until,
        zones=(setting.clinic.calendar.zone, own),
        is_complete=following is None or following.at > until,
        timeline=tuple(world.timeline),
        pending=tuple(map(planned_entry, pending)),
    )


def _is_within_limits(world: World, ran: int) -> bool:
    return ran < MOST_RUN and world.planned_count < MOST_PLANNED and world.decision_count < MOST_DECIDED


def _next(world: World, events: list[ScriptEvent]) -> Next | None:
    return min(_candidates(world, events), key=lambda candidate: candidate.at, default=None)


def _candidates(world: World, events: list[ScriptEvent]) -> Iterator[Next]:
    """Yield the candidates in their order at equal times."""
    if events:
        yield Next(events[-1].at, lambda: act(world, events.pop()))
    if step := world.next_step():
        yield Next(max(step.due_at, world.now), partial(run_step, world, step))
    if look := next_sweep(world):
        yield Next(*look)


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

"""Running a simulation: whatever comes first happens, then what comes first from there on. Pure."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from types import SimpleNamespace
from typing import Any, Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from app.automation.simulation.enrollments import put_in
from app.automation.simulation.recording import record
from app.automation.simulation.run_step import run_step
from app.automation.simulation.script import Happening, Script
from app.automation.simulation.script_actions import act
from app.automation.simulation.state import Setting, SimulatedEnrollment, SimulatedStep, to_come
from app.automation.simulation.sweeps import next_look
from app.automation.simulation.timeline import Simulation
from app.automation.simulation.world import World
from app.engine.events.events import Chain
from app.leads.events import lead_created
from app.messaging.contact_policy.facts import SentMessage

MOST_RUN: Final = 5000  # steps, events and looks of one simulation
MOST_DECIDED: Final = 20_000  # by rules: the answer says what each of them decided
MOST_PLANNED: Final = 10_000  # steps: many rules that each do much plan more with one event than a call can run


class Next(NamedTuple):
    """The next thing to happen. At one moment people act first, then steps run, then sweeps look."""

    at: datetime
    happens: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where it begins: a lead comes in, is put `into` a sequence by hand, or goes on as it is."""

    setting: Setting
    lead: SimpleNamespace
    is_new: bool = True
    into: str | None = None
    tasks: Sequence[Mapping[str, Any]] = ()
    steps: Sequence[SimulatedStep] = ()
    went: Sequence[SentMessage] = ()
    enrollments: Sequence[SimulatedEnrollment] = ()
    chains: Mapping[UUID, Chain] = field(default_factory=dict)  # what led to the steps that made the tasks
    suppressed: Collection[str] = ()  # the channels by which nobody may write to it


def simulate(name: str, begin: Beginning, script: Script, *, start: datetime, until: datetime) -> Simulation:
    """Simulate from `start` to `until`. This changes the lead and the steps that are given."""
    setting, lead = _with_holidays(begin.setting, script.holidays), begin.lead
    world = World(setting, lead, now=start, suppressed=set(begin.suppressed), went=list(begin.went))
    world.enrollments += begin.enrollments
    world.chains |= begin.chains
    for task in begin.tasks:
        world.give_task(task)
    for step in begin.steps:
        world.add(step)
    if begin.into:
        put_in(world, begin.into)
    elif begin.is_new:
        record(world, lead_created(lead, start))
    happenings, ran = list(reversed(script.happenings)), 0
    while (following := _next(world, happenings)) and following.at <= until and _has_room(world, ran):
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
        pending=tuple(map(to_come, pending)),
    )


def _has_room(world: World, ran: int) -> bool:
    return ran < MOST_RUN and world.has_planned < MOST_PLANNED and world.has_decided < MOST_DECIDED


def _next(world: World, happenings: list[Happening]) -> Next | None:
    return min(_candidates(world, happenings), key=lambda candidate: candidate.at, default=None)


def _candidates(world: World, happenings: list[Happening]) -> Iterator[Next]:
    """Of what comes at one moment, the first one first."""
    if happenings:
        yield Next(happenings[-1].at, lambda: act(world, happenings.pop()))
    if step := world.next_step():
        yield Next(max(step.due_at, world.now), partial(run_step, world, step))
    if look := next_look(world):
        yield Next(*look)


def _with_holidays(setting: Setting, days: frozenset[date]) -> Setting:
    """The same clinic, closed on these days, too."""
    if not days:
        return setting
    calendar = setting.clinic.calendar
    closed = replace(calendar, closed_on=_Either(days, calendar.closed_on))
    return replace(setting, clinic=replace(setting.clinic, calendar=closed))


class _Either:
    """Days of either."""

    def __init__(self, *of: Any) -> None:
        self._of = of

    def __contains__(self, day: object) -> bool:
        return any(day in days for days in self._of)

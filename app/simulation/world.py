"""The world of a simulation: one lead, its tasks, its steps, and what went to it. Nothing of it is in a database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

from app.automation.clinic import ClinicContext
from app.automation.models import PENDING, Kind, Reason, StepState
from app.automation.plan import PlannedStep
from app.automation.rules import RuleSet
from app.db import new_id
from app.identity.models import Role
from app.leads.coordinators import Colleague, coordinator_of
from app.leads.stages import Stages
from app.notifications.gate_facts import Gone
from app.notifications.touching import priority_of
from app.simulation.timeline import Entry, Planned, What
from app.tasks.models import OPEN_TASKS, TaskStatus

NOT_LATE: Final = (TaskStatus.PENDING, TaskStatus.IN_PROGRESS)


class Refused(Exception):
    """What a script says cannot happen as things are; its words are a code."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A clinic, as far as it matters to what happens with a lead; `max_days` are those that a stage allows."""

    clinic: ClinicContext
    rules: RuleSet
    stages: Stages
    first_stage: str  # in which leads begin
    max_days: Mapping[str, int]
    people: Mapping[UUID, Colleague]

    def with_role(self, role: Role) -> list[Colleague]:
        """The clinic's people of that role, in a stable order."""
        return [person for person in self.people.values() if person.role == role]


@dataclass(slots=True, eq=False)
class SimulatedStep:
    """A step, with what workers find in its row."""

    kind: Kind
    name: str
    due_at: datetime
    params: dict[str, Any]
    cause: dict[str, Any]
    guard: dict[str, Any] | None
    stop_on: Sequence[str]
    lateness: int | None
    dedupe_key: str | None
    created_at: datetime
    id: UUID = field(default_factory=new_id)
    state: StepState = StepState.PLANNED
    reason: Reason | None = None

    @property
    def is_pending(self) -> bool:
        """Whether it is still to run."""
        return self.state in PENDING


@dataclass(slots=True)
class World:
    """All there is, at `now`; `went` are the messages to the lead, the latest last."""

    setting: Setting
    lead: SimpleNamespace
    now: datetime
    suppressed: set[str] = field(default_factory=set)  # the channels by which nobody may write to it
    tasks: dict[str, SimpleNamespace] = field(default_factory=dict)  # by id
    steps: list[SimulatedStep] = field(default_factory=list)
    went: list[Gone] = field(default_factory=list)
    timeline: list[Entry] = field(default_factory=list)
    _open: dict[UUID, SimpleNamespace] = field(default_factory=dict)
    _not_late: dict[UUID, SimpleNamespace] = field(default_factory=dict)
    _pending: dict[UUID, SimulatedStep] = field(default_factory=dict)
    _keys: set[str] = field(default_factory=set)
    _queue: list[tuple[datetime, int, int, SimulatedStep]] = field(default_factory=list)
    _turns: int = 0

    @property
    def coordinator(self) -> Colleague | None:
        """Whose lead it is."""
        return coordinator_of(self.lead.id, self.lead.assigned_to_id, self.setting.people)

    @property
    def open_tasks(self) -> list[SimpleNamespace]:
        """What is still to be done, what is due first before all others."""
        return sorted(self._open.values(), key=lambda task: task.due_at)

    @property
    def has_open_task(self) -> bool:
        """Whether anything is still to be done."""
        return bool(self._open)

    @property
    def not_late_yet(self) -> list[SimpleNamespace]:
        """The tasks whose time no sweep has found over."""
        return list(self._not_late.values())

    @property
    def pending(self) -> list[SimulatedStep]:
        """The steps that are to come, in the order in which they were planned."""
        return list(self._pending.values())

    def task(self, task_id: str | None) -> SimpleNamespace | None:
        """The task of that id."""
        return self.tasks.get(task_id) if task_id else None

    def give_task(self, row: Mapping[str, Any]) -> SimpleNamespace:
        """A new task, of what its row holds."""
        task = self.tasks[str(row["id"])] = SimpleNamespace(**row)
        self._file(task)
        return task

    def set_status(self, task: SimpleNamespace, status: TaskStatus) -> None:
        """The task changes, to this status or while it keeps it."""
        task.status = status
        task.version += 1
        self._file(task)

    def _file(self, task: SimpleNamespace) -> None:
        """Where it is looked for: a year has thousands of them, and each moment asks."""
        for found, statuses in ((self._open, OPEN_TASKS), (self._not_late, NOT_LATE)):
            if task.status in statuses:
                found[task.id] = task
            else:
                found.pop(task.id, None)

    def plan(self, planned: PlannedStep) -> SimulatedStep | None:
        """A new step; None for one that is there already."""
        if planned.key and planned.key in self._keys:
            return None
        step = SimulatedStep(
            kind=planned.kind,
            name=planned.name,
            due_at=planned.due_at,
            params=planned.params,
            cause=planned.cause,
            guard=planned.guard,
            stop_on=planned.stop_on,
            lateness=planned.lateness,
            dedupe_key=planned.key,
            created_at=self.now,
        )
        self.add(step)
        return step

    def add(self, step: SimulatedStep) -> None:
        """A step that is to come."""
        self.steps.append(step)
        if step.dedupe_key:
            self._keys.add(step.dedupe_key)
        self._pending[step.id] = step
        self.queue(step)

    def queue(self, step: SimulatedStep) -> None:
        """It runs when it is due: of several at one moment, what matters more first, then what was planned first."""
        self._turns += 1
        heappush(self._queue, (step.due_at, priority_of(step), self._turns, step))

    def next_step(self) -> SimulatedStep | None:
        """The step that is due first, which stays where it is."""
        while self._queue:
            due_at, _, _, step = self._queue[0]
            if step.is_pending and step.due_at == due_at:
                return step
            heappop(self._queue)
        return None

    def end(self, step: SimulatedStep, state: StepState, reason: Reason | None = None) -> None:
        """Nothing more comes of the step."""
        step.state, step.reason = state, reason
        del self._pending[step.id]

    def tell(self, what: What, name: str, **told: Any) -> None:
        """Write down what happened just now."""
        self.timeline.append(Entry(self.now, what, name, **told))

    def tell_of(self, step: SimulatedStep, what: What, **told: Any) -> None:
        """Write down what became of a step just now."""
        self.tell(what, step.name, kind=step.kind, **told)


def to_come(step: SimulatedStep) -> Planned:
    """A step as it is told of, as long as nothing moved it."""
    return Planned(step.name, step.kind, step.due_at)

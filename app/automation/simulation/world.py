"""The world of a simulation: one lead, its tasks, its steps, and what went to it. Nothing of it is in a database."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

from app.automation.sequences.models import LIVE
from app.automation.simulation.state import Sent, Setting, SimulatedEnrollment, SimulatedStep
from app.automation.simulation.timeline import Entry, What
from app.engine.events.events import NO_CHAIN, Chain
from app.engine.models import Reason, StepState
from app.engine.plan.plan import PlannedStep
from app.leads.assignment.coordinators import ActiveUser, coordinator_of
from app.messaging.contact_policy.contact_attempts import priority_of
from app.messaging.contact_policy.facts import SentMessage
from app.tasks.models import OPEN_TASKS, TaskStatus

NOT_LATE: Final = (TaskStatus.PENDING, TaskStatus.IN_PROGRESS)


@dataclass(slots=True)
class World:
    """All there is, at `now`; `went` are the messages to the lead, the latest last."""

    setting: Setting
    lead: SimpleNamespace
    now: datetime
    suppressed: set[str] = field(default_factory=set)  # the channels by which nobody may write to it
    tasks: dict[str, SimpleNamespace] = field(default_factory=dict)  # by id
    went: list[SentMessage] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)  # the same, as far as they were sent since it began
    enrollments: list[SimulatedEnrollment] = field(default_factory=list)
    timeline: list[Entry] = field(default_factory=list)
    has_decided: int = 0  # rules, each once for every event that it listens to
    chains: dict[UUID, Chain] = field(default_factory=dict)  # what led to each step
    _open: dict[UUID, SimpleNamespace] = field(default_factory=dict)
    _not_late: dict[UUID, SimpleNamespace] = field(default_factory=dict)
    _pending: dict[UUID, SimulatedStep] = field(default_factory=dict)
    _keys: set[str] = field(default_factory=set)
    _queue: list[tuple[datetime, int, int, SimulatedStep]] = field(default_factory=list)
    _turns: int = 0

    @property
    def coordinator(self) -> ActiveUser | None:
        """The owner of the lead."""
        return coordinator_of(self.lead.id, self.lead.assigned_to_id, self.setting.people)

    @property
    def live_enrollments(self) -> list[SimulatedEnrollment]:
        """The sequences that it is in."""
        return [one for one in self.enrollments if one.state in LIVE]

    @property
    def next_follow_up_at(self) -> datetime | None:
        """When the first of what is still to be done is due."""
        return min((task.due_at for task in self._open.values()), default=None)

    @property
    def open_tasks(self) -> list[SimpleNamespace]:
        """The open tasks, by due time."""
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

    @property
    def has_planned(self) -> int:
        """How many steps there are, past and to come."""
        return len(self.chains)

    def chain_of(self, task: SimpleNamespace) -> Chain:
        """Return the chain of causes of the task."""
        return self.chains.get(task.step_id, NO_CHAIN)

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
            lead_id=self.lead.id,
        )
        self.add(step)
        return step

    def add(self, step: SimulatedStep) -> None:
        """A step that is to come."""
        if step.dedupe_key:
            self._keys.add(step.dedupe_key)
        self._pending[step.id] = step
        self.chains[step.id] = Chain.of(step.cause)
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

    def aside(self, act: Callable[[], None]) -> list[Entry]:
        """Return the entries that an act adds, so that they can follow the entry of their cause."""
        begun = len(self.timeline)
        act()
        told, self.timeline[begun:] = self.timeline[begun:], []
        return told

    def tell_of(self, step: SimulatedStep, what: What, **told: Any) -> None:
        """Write down what became of a step just now."""
        self.tell(what, step.name, kind=step.kind, **told)

"""The world of a simulation: one lead with its tasks, steps, enrollments and messages, in memory only."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

from app.automation.sequences.models import LIVE
from app.automation.simulation.state import Sent, Setting, SimulatedEnrollment, SimulatedStep
from app.automation.simulation.timeline import Entry, EntryKind
from app.core.type_aliases import ColumnValues
from app.engine.events.events import NO_CHAIN, Chain
from app.engine.models import Reason, StepState
from app.engine.plan.plan import PlannedStep
from app.identity.users.lookup import ActiveUser
from app.leads.assignment.coordinators import coordinator_of
from app.messaging.contact_policy.contact_attempts import priority_of
from app.messaging.contact_policy.facts import SentMessage
from app.tasks.models import OPEN_TASKS, TaskStatus

NOT_OVERDUE: Final = (TaskStatus.PENDING, TaskStatus.IN_PROGRESS)


@dataclass(slots=True)
class World:
    """The state at `now`. `contacts`: the messages to the lead, the latest last."""

    setting: Setting
    lead: SimpleNamespace
    now: datetime
    suppressed: set[str] = field(default_factory=set)  # suppressed channels
    tasks: dict[str, SimpleNamespace] = field(default_factory=dict)  # by id
    contacts: list[SentMessage] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)  # the messages since the start of the simulation
    enrollments: list[SimulatedEnrollment] = field(default_factory=list)
    timeline: list[Entry] = field(default_factory=list)
    decision_count: int = 0  # one for each rule and event
    chains: dict[UUID, Chain] = field(default_factory=dict)  # the chain of causes, by step id
    _open: dict[UUID, SimpleNamespace] = field(default_factory=dict)
    _not_overdue: dict[UUID, SimpleNamespace] = field(default_factory=dict)
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
        """The enrollments that have not ended."""
        return [one for one in self.enrollments if one.state in LIVE]

    @property
    def next_follow_up_at(self) -> datetime | None:
        """The earliest due time of the open tasks."""
        return min((task.due_at for task in self._open.values()), default=None)

    @property
    def open_tasks(self) -> list[SimpleNamespace]:
        """The open tasks, by due time."""
        return sorted(self._open.values(), key=lambda task: task.due_at)

    @property
    def has_open_task(self) -> bool:
        """Whether the lead has an open task."""
        return bool(self._open)

    @property
    def tasks_not_overdue(self) -> list[SimpleNamespace]:
        """The open tasks that no sweep has set to OVERDUE."""
        return list(self._not_overdue.values())

    @property
    def pending(self) -> list[SimulatedStep]:
        """The pending steps in the order of planning."""
        return list(self._pending.values())

    @property
    def planned_count(self) -> int:
        """The number of steps, past and pending."""
        return len(self.chains)

    def chain_of(self, task: SimpleNamespace) -> Chain:
        """Return the chain of causes of the task."""
        return self.chains.get(task.step_id, NO_CHAIN)

    def task(self, task_id: str | None) -> SimpleNamespace | None:
        """Return the task with this id."""
        return self.tasks.get(task_id) if task_id else None

    def add_task(self, row: ColumnValues) -> SimpleNamespace:
        """Add a task from its row."""
        task = self.tasks[str(row["id"])] = SimpleNamespace(**row)
        self._file(task)
        return task

    def set_task_status(self, task: SimpleNamespace, status: TaskStatus) -> None:
        """Set the task's status, which may stay the same, and increment its version."""
        task.status = status
        task.version += 1
        self._file(task)

    def _file(self, task: SimpleNamespace) -> None:
        """Update the indexes by status. A year has thousands of tasks, and each tick of the loop reads them."""
        for found, statuses in ((self._open, OPEN_TASKS), (self._not_overdue, NOT_OVERDUE)):
            if task.status in statuses:
                found[task.id] = task
            else:
                found.pop(task.id, None)

    def plan(self, planned: PlannedStep) -> SimulatedStep | None:
        """Add a planned step. Returns None if its deduplication key exists already."""
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
        """Add a pending step."""
        if step.dedupe_key:
            self._keys.add(step.dedupe_key)
        self._pending[step.id] = step
        self.chains[step.id] = Chain.of(step.cause)
        self.queue(step)

    def queue(self, step: SimulatedStep) -> None:
        """Queue the step by due time, then priority, then order of planning."""
        self._turns += 1
        heappush(self._queue, (step.due_at, priority_of(step), self._turns, step))

    def next_step(self) -> SimulatedStep | None:
        """Return the step that is due first. It stays in the queue."""
        while self._queue:
            due_at, _, _, step = self._queue[0]
            if step.is_pending and step.due_at == due_at:
                return step
            heappop(self._queue)
        return None

    def end(self, step: SimulatedStep, state: StepState, reason: Reason | None = None) -> None:
        """End the step with this state."""
        step.state, step.reason = state, reason
        del self._pending[step.id]

    def add_entry(self, what: EntryKind, name: str, **values: Any) -> None:
        """Add an entry to the timeline."""
        self.timeline.append(Entry(self.now, what, name, **values))

    def collect_entries(self, act: Callable[[], None]) -> list[Entry]:
        """Remove and return the entries that `act` adds, so that they can follow the entry of their cause."""
        begun = len(self.timeline)
        act()
        added, self.timeline[begun:] = self.timeline[begun:], []
        return added

    def add_step_entry(self, step: SimulatedStep, what: EntryKind, **values: Any) -> None:
        """Add an entry about a step to the timeline."""
        self.add_entry(what, step.name, kind=step.kind, **values)

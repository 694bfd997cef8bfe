"""The world of a simulation: a clinic's settings, and one lead with its tasks, steps, enrollments and messages.

Leads, tasks, steps and enrollments are objects with the columns of their rows, so that handlers and the pure functions
of the services work on them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

from app.automation.nurtures.models import Nurture
from app.automation.sequences.models import LIVE
from app.automation.simulation.timeline import Entry, EntryKind
from app.core.db import new_id
from app.core.type_aliases import ColumnValues
from app.engine.events.events import Chain, Event
from app.engine.models import PENDING, Kind, Reason, StepState
from app.engine.plan.plan import PlannedStep
from app.engine.rules.rules import RuleSet
from app.engine.sequences.definitions import PublishedSequences
from app.identity.actor import Actor
from app.identity.clinic_context import ClinicContext
from app.identity.users.lookup import ActiveUser
from app.leads.assignment.assign_one import set_owner
from app.leads.assignment.coordinators import rotation_team
from app.leads.assignment.rotation import UserTurns
from app.leads.facts.template_values import DisplayNames
from app.leads.pipeline.stages import Stages
from app.leads.scoring.basis import Basis
from app.leads.scoring.parts import Score
from app.messaging.contact_policy.contact_attempts import priority_of
from app.messaging.contact_policy.gate_input import SentMessage
from app.messaging.rendering.variants import Template
from app.tasks.lifecycle.task_state import mark_cancelled, set_assignee
from app.tasks.models import OPEN_TASKS, TaskStatus
from app.tasks.templates.models import TaskTemplate

NOT_OVERDUE: Final = (TaskStatus.PENDING, TaskStatus.IN_PROGRESS)
_NEW_STEP: Final = {"state": StepState.PLANNED, "reason": None, "attempts": 0, "outcome": None, "moves": None}


class Refused(Exception):
    """A script event is not possible now. The message is a code."""


@dataclass(frozen=True, slots=True)
class Setting:
    """The clinic's configuration that a simulation needs. `max_days`: the maximum days in a stage, by slug."""

    clinic: ClinicContext
    rules: RuleSet
    stages: Stages
    first_stage: str  # the stage of new leads
    max_days: Mapping[str, int]
    people: Mapping[UUID, ActiveUser]
    sequences: PublishedSequences = field(default_factory=PublishedSequences)
    nurtures: Sequence[Nurture] = ()
    names: DisplayNames = DisplayNames({}, {})  # noqa: RUF009  (empty and never changed)
    templates: Mapping[str, Template] = field(default_factory=dict)  # by slug; for the approved texts of providers
    scoring: Basis = Basis()  # noqa: RUF009  (frozen). A learned model is not simulated: its table is of the past
    task_templates: Mapping[str, TaskTemplate] = field(default_factory=dict)  # by name


@dataclass(slots=True)
class Sent:
    """A message that was sent to the lead, and whether it was opened or clicked."""

    channel: str
    enrollment_id: str | None
    is_opened: bool = False
    is_clicked: bool = False


@dataclass(frozen=True, slots=True)
class StoredScore:
    """The score that was stored last. `is_new`: it is that of the capture, which has not fired `lead.scored`."""

    score: Score
    at: datetime
    is_new: bool


@dataclass(slots=True)
class World:
    """The state at `now`. `contacts`: the messages to the lead, the latest last."""

    setting: Setting
    lead: SimpleNamespace
    now: datetime
    suppressed: set[str] = field(default_factory=set)  # suppressed channels
    tasks: dict[str, SimpleNamespace] = field(default_factory=dict)  # by id
    pending: dict[UUID, SimpleNamespace] = field(default_factory=dict)  # pending steps in the order of planning, by id
    contacts: list[SentMessage] = field(default_factory=list)
    last_inbound: dict[str, datetime] = field(default_factory=dict)  # the lead's last message, by channel with sessions
    sent: list[Sent] = field(default_factory=list)  # the messages since the start of the simulation
    enrollments: list[SimpleNamespace] = field(default_factory=list)
    timeline: list[Entry] = field(default_factory=list)
    score: StoredScore | None = None
    unscored_since: datetime | None = None  # of the first event since the lead was scored
    stage_before_loss: str | None = None
    decision_count: int = 0  # one for each rule and event
    escalations: set[UUID] = field(default_factory=set)  # steps that escalated the lead
    chains: dict[UUID, Chain] = field(default_factory=dict)  # the chain of causes, by id of the steps, past and pending
    actor: Actor = field(init=False)
    task_turns: UserTurns = field(init=False)  # from the first user on; nobody is absent
    # Indexes by status. A year has thousands of tasks, and each tick of the loop reads them.
    open_tasks: dict[UUID, SimpleNamespace] = field(default_factory=dict)
    tasks_not_overdue: dict[UUID, SimpleNamespace] = field(default_factory=dict)
    _keys: set[str] = field(default_factory=set)
    _queue: list[tuple[datetime, int, int, SimpleNamespace]] = field(default_factory=list)
    _turns: int = 0

    def __post_init__(self) -> None:
        self.actor = Actor.system(self.setting.clinic)
        people = self.setting.people
        self.task_turns = UserTurns(list(people), {person.id for person in rotation_team(people)})

    @property
    def live_enrollments(self) -> list[SimpleNamespace]:
        """The enrollments that have not ended."""
        return [one for one in self.enrollments if one.state in LIVE]

    @property
    def next_follow_up_at(self) -> datetime | None:
        """The earliest due time of the open tasks."""
        return min((task.due_at for task in self.open_tasks.values()), default=None)

    @property
    def lost_suggestion_at(self) -> datetime | None:
        """The earliest due time of the planned suggestions to close the lead as lost."""
        return min((step.due_at for step in self.pending.values() if step.kind == Kind.SUGGEST_LOST), default=None)

    @property
    def is_escalated(self) -> bool:
        """Whether a task of an escalation is open."""
        return any(task.step_id in self.escalations for task in self.open_tasks.values())

    def add_task(self, row: ColumnValues) -> SimpleNamespace:
        """Add a task from its row."""
        task = self.tasks[str(row["id"])] = SimpleNamespace(**row)
        self._index(task)
        return task

    def change_task(self, change: Callable[..., Event], task: SimpleNamespace, **given: Any) -> Event:
        """Apply a change of `app.tasks.lifecycle.task_state` to the task. Returns its event."""
        event = change(task, self.lead, at=self.now, **given)
        self._index(task)
        return event

    def assign(self, user_id: UUID) -> Event:
        """Assign the lead. The open tasks of its previous owner move along. Returns the event."""
        for task in self.open_tasks.values():
            if task.assigned_to_id == self.lead.assigned_to_id:
                set_assignee(task, user_id, at=self.now)
        return set_owner(self.lead, self.actor, user_id, at=self.now)

    def cancel_open_tasks(self) -> None:
        """Cancel all open tasks, because the lead was converted or lost."""
        for task in [*self.open_tasks.values()]:
            mark_cancelled(task, at=self.now)
            self._index(task)

    def _index(self, task: SimpleNamespace) -> None:
        for found, statuses in ((self.open_tasks, OPEN_TASKS), (self.tasks_not_overdue, NOT_OVERDUE)):
            if task.status in statuses:
                found[task.id] = task
            else:
                found.pop(task.id, None)

    def plan(self, planned: PlannedStep) -> SimpleNamespace | None:
        """Add a planned step. Returns None if its deduplication key exists already."""
        return self.add_step({**planned.columns, "id": new_id(), "lead_id": self.lead.id, "created_at": self.now})

    def add_step(self, row: ColumnValues) -> SimpleNamespace | None:
        """Add a pending step from its row. Returns None if its deduplication key exists already."""
        step, key = SimpleNamespace(**{**_NEW_STEP, **row}), row["dedupe_key"]
        if key:
            if key in self._keys:
                return None
            self._keys.add(key)
        self.pending[step.id] = step
        self.chains[step.id] = Chain.of(step.cause)
        self.queue(step)
        return step

    def queue(self, step: SimpleNamespace) -> None:
        """Queue the step by due time, then priority, then order of planning."""
        self._turns += 1
        heappush(self._queue, (step.due_at, priority_of(step), self._turns, step))

    def next_step(self) -> SimpleNamespace | None:
        """Return the step that is due first. It stays in the queue."""
        while self._queue:
            due_at, _, _, step = self._queue[0]
            if step.state in PENDING and step.due_at == due_at:
                return step
            heappop(self._queue)
        return None

    def end(self, step: SimpleNamespace, state: StepState, reason: Reason | None = None) -> None:
        """End the step with this state."""
        step.state, step.reason = state, reason
        del self.pending[step.id]

    def add_entry(self, what: EntryKind, name: str, **values: Any) -> None:
        """Add an entry to the timeline."""
        self.timeline.append(Entry(self.now, what, name, **values))

    def add_step_entry(self, step: SimpleNamespace, what: EntryKind, **values: Any) -> None:
        """Add an entry about a step to the timeline."""
        self.timeline.append(Entry(self.now, what, step.name, step.kind, **values))

    def collect_entries(self, act: Callable[[], None]) -> list[Entry]:
        """Remove and return the entries that `act` adds, so that they can follow the entry of their cause."""
        begun = len(self.timeline)
        act()
        added, self.timeline[begun:] = self.timeline[begun:], []
        return added

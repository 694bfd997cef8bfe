"""The parts of a simulated world: its clinic, steps, enrollments and sent messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from app.automation.sequences.models import EnrollmentState
from app.automation.simulation.timeline import Planned
from app.core.db import new_id
from app.engine.models import PENDING, Reason, StepState
from app.engine.rules.rules import RuleSet
from app.engine.sequences.definitions import PublishedSequences
from app.engine.sequences.progression import EnrollmentContext
from app.engine.sequences.sequence import Sequence as SequenceText
from app.identity.clinic_context import ClinicContext
from app.leads.assignment.coordinators import ActiveUser
from app.leads.facts.template_values import DisplayNames
from app.leads.pipeline.stages import Stages


class Refused(Exception):
    """An event of the script cannot happen now. The message is a code."""


class Nurture(NamedTuple):
    """Which leads a nurture takes into its sequence, and at which hours of the clinic's wall; `days`: None, all."""

    name: str
    sequence: str
    run_hours: Sequence[str]
    score_from: int
    score_to: int
    silent_for: str
    days: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """A clinic, as far as it matters to what happens with a lead; `max_days` are those that a stage allows."""

    clinic: ClinicContext
    rules: RuleSet
    stages: Stages
    first_stage: str  # in which leads begin
    max_days: Mapping[str, int]
    people: Mapping[UUID, ActiveUser]
    sequences: PublishedSequences = field(default_factory=PublishedSequences)
    nurtures: Sequence[Nurture] = ()
    names: DisplayNames = DisplayNames({}, {})  # noqa: RUF009  (it is empty, and stays so)


@dataclass(slots=True, eq=False)
class SimulatedStep:
    """A step, with what workers find in its row."""

    kind: str
    name: str
    due_at: datetime
    params: dict[str, Any]
    cause: dict[str, Any]
    guard: dict[str, Any] | None
    stop_on: Sequence[str]
    lateness: int | None
    dedupe_key: str | None
    created_at: datetime
    lead_id: UUID
    id: UUID = field(default_factory=new_id)
    state: StepState = StepState.PLANNED
    reason: Reason | None = None
    attempts: int = 0
    outcome: Mapping[str, Any] | None = None

    @property
    def is_pending(self) -> bool:
        """Whether it is still to run."""
        return self.state in PENDING


@dataclass(slots=True, eq=False)
class SimulatedEnrollment:
    """A way through a sequence; `step_id` is the step that is planned, `waits_for` a task."""

    sequence: SequenceText
    passage: EnrollmentContext
    enrolled_at: datetime
    label: str | None = None
    state: EnrollmentState = EnrollmentState.ACTIVE
    step: str = ""
    step_id: UUID | None = None
    waits_for: UUID | None = None
    ended_at: datetime | None = None

    @property
    def id(self) -> UUID:
        """As its steps name it."""
        return self.passage.id

    @property
    def sequence_id(self) -> UUID | None:
        """As its row names it."""
        return self.sequence.id

    @property
    def is_exclusive(self) -> bool:
        """Whether it suffers no other beside it."""
        return self.sequence.is_exclusive


@dataclass(slots=True)
class Sent:
    """A message that went to the lead, and what is told of it."""

    channel: str
    enrollment_id: str | None
    is_opened: bool = False
    is_clicked: bool = False


def to_come(step: SimulatedStep) -> Planned:
    """A step as it is told of, as long as nothing moved it."""
    return Planned(step.name, step.kind, step.due_at)

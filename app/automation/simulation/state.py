"""Data objects of a simulated world: clinic, steps, enrollments and sent messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from app.automation.sequences.models import EnrollmentState
from app.automation.simulation.timeline import Planned
from app.core.db import new_id
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.models import PENDING, Reason, StepState
from app.engine.rules.rules import RuleSet
from app.engine.sequences.definitions import PublishedSequences
from app.engine.sequences.progression import EnrollmentContext
from app.engine.sequences.sequence import Sequence as SequenceText
from app.identity.clinic_context import ClinicContext
from app.identity.users.lookup import ActiveUser
from app.leads.facts.template_values import DisplayNames
from app.leads.pipeline.stages import Stages


class Refused(Exception):
    """A script event is not possible now. The message is a code."""


class Nurture(NamedTuple):
    """A nurture's lead criteria, sequence, and run hours in the clinic's local time. `days`: None means every day."""

    name: str
    sequence: str
    run_hours: Sequence[str]
    score_from: int
    score_to: int
    silent_for: str
    days: Sequence[str] | None = None


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


@dataclass(slots=True, eq=False)
class SimulatedStep:
    """A simulated step, with the columns of its row that handlers use."""

    kind: str
    name: str
    due_at: datetime
    params: JsonDict
    cause: JsonDict
    guard: JsonDict | None
    stop_on: Sequence[str]
    lateness: int | None
    dedupe_key: str | None
    created_at: datetime
    lead_id: UUID
    id: UUID = field(default_factory=new_id)
    state: StepState = StepState.PLANNED
    reason: Reason | None = None
    attempts: int = 0
    outcome: JsonObject | None = None

    @property
    def is_pending(self) -> bool:
        """Whether the step has not run yet."""
        return self.state in PENDING


@dataclass(slots=True, eq=False)
class SimulatedEnrollment:
    """A simulated enrollment. `step_id`: the planned step; `waits_for`: the task it waits for."""

    sequence: SequenceText
    context: EnrollmentContext
    enrolled_at: datetime
    label: str | None = None
    state: EnrollmentState = EnrollmentState.ACTIVE
    step: str = ""
    step_id: UUID | None = None
    waits_for: UUID | None = None
    ended_at: datetime | None = None

    @property
    def id(self) -> UUID:
        """The id in the causes of its steps."""
        return self.context.id

    @property
    def sequence_id(self) -> UUID | None:
        """The id of its sequence."""
        return self.sequence.id

    @property
    def is_exclusive(self) -> bool:
        """Whether the lead may be in no other sequence at the same time."""
        return self.sequence.is_exclusive


@dataclass(slots=True)
class Sent:
    """A message that was sent to the lead, and whether it was opened or clicked."""

    channel: str
    enrollment_id: str | None
    is_opened: bool = False
    is_clicked: bool = False


def planned_entry(step: SimulatedStep) -> Planned:
    """Return the step as an entry of `planned`, without moves of its due time."""
    return Planned(step.name, step.kind, step.due_at)

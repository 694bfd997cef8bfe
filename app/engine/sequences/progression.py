"""Sequence progression: from one step of a sequence to the next. Pure: used by the workers and by the simulation.

How to run a sequence:

    sequence = read_sequence(definition)    of `sequences`: a definition without mistakes
    context  = EnrollmentContext.start(id, slug, cause, timezone=...)       the enrollment
    step     = sequence.first               every path begins there
    planned  = plan_step(sequence, step, context, at=..., calendar=...)    a row of `steps`, with its due time
    result   = StepResult(sequence, step, skip_reason, details)     the end of the step
    result.exit     why a skipped step ends the enrollment; None: it continues
    result.next     the next step, on the path chosen by a branch; None: completed

`at` is the end of the previous step: a late step delays the following ones, so they do not bunch. A step with
`waits_for_task` is followed when its task is completed or cancelled. Events in `sequence.goal` and
`sequence.exit_on` end the enrollment at any time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, NamedTuple, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from app.core.calendar.calendar import Calendar
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.events.events import OF_MANY
from app.engine.models import BegunBy, Kind, Reason
from app.engine.plan.plan import PlannedStep, out_of_quiet_hours
from app.engine.rules.rules import DEFAULT_PRIORITY
from app.engine.rules.timing import NO_WAIT, Due, LocalClock, at_best_time, due_time
from app.engine.sequences.sequence import ExitReason, Sequence, SequenceStep, Variant, trigger_name
from app.engine.step_kind import STEP_KINDS
from app.engine.steps.moves import moves_of_plan

# Skip reasons that end the enrollment. After any other reason the next step follows.
_EXIT_BY_SKIP: Final[Mapping[str, ExitReason]] = {
    Reason.REPLIED: ExitReason.REPLIED,
    Reason.OPTED_OUT: ExitReason.OPTED_OUT,
    Reason.CONVERTED: ExitReason.CONVERTED,
    Reason.LOST: ExitReason.LOST,
    Reason.ARCHIVED: ExitReason.ARCHIVED,
    Reason.LEAD_GONE: ExitReason.ARCHIVED,
    Reason.RESTRICTED: ExitReason.RESTRICTED,
    Reason.ERASED: ExitReason.ERASED,
    Reason.MERGED: ExitReason.MERGED,
    Reason.NO_ADDRESS: ExitReason.NO_ADDRESS,
    Reason.SUPPRESSED: ExitReason.SUPPRESSED,
    Reason.INVALID_ADDRESS: ExitReason.INVALID_ADDRESS,
}


@dataclass(frozen=True, slots=True)
class EnrollmentContext:
    """The state of an enrollment that planning needs: its id, the lead's time zone, the cause, the best hours.

    `best_hours` are read for steps with `at_best_time` only; they are as in `at_best_time`.
    """

    id: UUID
    timezone: str | None = None
    cause: JsonObject = field(default_factory=dict)
    best_hours: tuple[str, ...] = ()

    @classmethod
    def start(
        cls,
        id: UUID,  # noqa: A002
        slug: str,
        cause: JsonObject,
        *,
        timezone: str | None = None,
        key: str = "",
    ) -> Self:
        """Start an enrollment. `key`: what it is about.

        The chain keeps its steps from enrolling the lead in the same sequence again.
        """
        chain = cause.get("chain") or {"root": str(id), "depth": 1, "rules": [trigger_name(slug)]}
        kept = {name: cause[name] for name in _KEPT if name in cause} | ({"key": key} if key else {})
        if "rule" in cause:
            kept["enrolled_by_rule"] = cause["rule"]
        return cls(id, timezone, {"event": "sequence.step", **kept, "chain": chain})


_KEPT: Final = (
    OF_MANY,
    "nurture",
    "bulk_job_id",
    "event",
    "event_id",
    "subject_id",
    "occurred_at",
    "lead_status",
    "request_id",
)


def plan_step(
    sequence: Sequence,
    step: SequenceStep,
    passage: EnrollmentContext,
    *,
    at: datetime,
    calendar: Calendar,
    left: timedelta | None = None,
) -> PlannedStep:
    """Plan a step of an enrollment, counted from `at`. `left` replaces the wait after a pause."""
    variant = _choose(step, passage.id)
    settings = {**step.settings, **(variant.settings if variant else {})}
    zone = ZoneInfo(passage.timezone) if passage.timezone else None
    due = _due(step, zone, at=at, calendar=calendar, left=left)
    if step.timing.at_best_time:
        due = at_best_time(due, passage.best_hours, LocalClock(calendar, zone or calendar.zone))
    due = out_of_quiet_hours(due, step.kind, settings, calendar=calendar, zone=zone)
    return PlannedStep(
        kind=step.kind,
        name=f"{sequence.slug}/{step.name}",
        due_at=due.at,
        params=STEP_KINDS[step.kind].step_params(settings, due.at, calendar),
        cause=_cause(sequence, step, passage, variant),
        guard=step.guard,
        stop_on=sequence.stop_on,
        lateness=None if step.skip_when_later_than is None else int(step.skip_when_later_than.total_seconds()),
        key=None,  # planned once, when the previous step ends
        begun_by=BegunBy.SEQUENCE,
        moves=moves_of_plan(due),
    )


class StepResult(NamedTuple):
    """The end of a step of a sequence. `reason`: why it was skipped; None: it is done. `details`: of its outcome."""

    sequence: Sequence
    step: SequenceStep
    reason: str | None
    details: JsonObject

    @property
    def exit(self) -> ExitReason | None:
        """Why the enrollment ends with this step; None: it continues. A step's own unmet condition never ends it."""
        return None if self.reason is None or "unmet" in self.details else _EXIT_BY_SKIP.get(self.reason)

    @property
    def waits(self) -> bool:
        """Whether the next step waits until the task of this step is closed."""
        return self.step.waits_for_task and self.reason is None

    @property
    def next(self) -> SequenceStep | None:
        """The next step. After a skipped branch, which made no decision: the next one in the text."""
        way = self.details.get("way") if self.step.kind == Kind.BRANCH else None
        return self.sequence.after(self.step.name, way)


def _due(step: SequenceStep, zone: ZoneInfo | None, *, at: datetime, calendar: Calendar, left: timedelta | None) -> Due:
    clock = LocalClock(calendar, zone if zone and step.timing.zone == "lead" else calendar.zone)
    timing, start = (step.timing, at) if left is None else (replace(step.timing, wait=NO_WAIT), at + left)
    due = due_time(timing, start, start, clock)
    assert due is not None  # noqa: S101  (it counts from no date, so it is never past)
    return due


def _cause(sequence: Sequence, step: SequenceStep, passage: EnrollmentContext, variant: Variant | None) -> JsonDict:
    cause = {
        **passage.cause,
        "sequence": sequence.slug,
        "sequence_id": sequence.id and str(sequence.id),
        "sequence_version": sequence.version,
        "enrollment_id": str(passage.id),
        "step": step.name,
    }
    if variant:
        cause["variant"] = variant.name
    if sequence.priority != DEFAULT_PRIORITY:
        cause["priority"] = sequence.priority
    return cause


def _choose(step: SequenceStep, enrollment_id: UUID) -> Variant | None:
    """Choose a variant by enrollment id and step name: always the same one, and evenly distributed over enrollments."""
    if not step.variants:
        return None
    digest = sha256(f"{enrollment_id}:{step.name}".encode()).digest()
    point = int.from_bytes(digest[:8]) % sum(variant.weight for variant in step.variants)
    for variant in step.variants:
        if point < variant.weight:
            return variant
        point -= variant.weight
    raise AssertionError("the weights add up")

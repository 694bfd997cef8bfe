"""Going through a sequence, step after step. Pure: workers do it, and simulations.

Whoever drives one needs these:

    sequence = read_sequence(definition)    of `sequences`: a definition without mistakes
    passage  = Passage.begun(id, slug, cause, timezone=...)       the enrollment
    step     = sequence.first               every way begins there
    planned  = plan_step(sequence, step, passage, at=..., calendar=...)    a row of `steps`, with its due time
    step     = sequence.after(step.name, way)    what follows, on the way that a branch decided for; None: completed
    reason   = exit_after(skip_reason, detail)   why a skipped step ends it all; None: it goes on

`at` is when the step before ended: what comes late puts off the rest, and nothing bunches. A step that
`holds_for_its_task` is followed when the task that it made is done or called off. Events in `sequence.goal` and
`sequence.exit_on` end it at any time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from app.core.calendar.calendar import Calendar
from app.engine.models import Reason
from app.engine.plan.plan import PlannedStep, out_of_quiet_hours
from app.engine.plan.timing import AT_ONCE, Due, Wall, due_time
from app.engine.rules.rules import NORMAL
from app.engine.sequences.sequence import ExitReason, Sequence, SequenceStep, Variant, trigger_name
from app.engine.step_kind import STEP_KINDS

# After a step that was skipped for one of these nothing more can happen; after any other the next one comes.
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
    **dict.fromkeys((Reason.SUPPRESSED, Reason.NO_ADDRESS, Reason.INVALID_ADDRESS), ExitReason.BOUNCED),
}


@dataclass(frozen=True, slots=True)
class Passage:
    """A lead's way through a sequence: the enrollment's id, the lead's own zone, what led to it."""

    id: UUID
    timezone: str | None = None
    cause: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def begun(cls, id: UUID, slug: str, cause: Mapping[str, Any], *, timezone: str | None = None) -> Self:  # noqa: A002
        """One that begins now: what follows from its steps does not lead into the same sequence again."""
        chain = cause.get("chain") or {"root": str(id), "depth": 1, "rules": [trigger_name(slug)]}
        kept = {name: cause[name] for name in _KEPT if name in cause}
        return cls(id, timezone, {"event": "sequence.step", **kept, "chain": chain})


_KEPT: Final = ("event", "event_id", "subject_id", "occurred_at", "lead_status", "request_id")


def plan_step(
    sequence: Sequence,
    step: SequenceStep,
    passage: Passage,
    *,
    at: datetime,
    calendar: Calendar,
    left: timedelta | None = None,
) -> PlannedStep:
    """The step of one enrollment, counted from `at`; `left` is what a pause left of its wait, instead of all of it."""
    variant = _choose(step, passage.id)
    settings = {**step.settings, **(variant.settings if variant else {})}
    zone = ZoneInfo(passage.timezone) if passage.timezone else None
    due = _due(step, zone, at=at, calendar=calendar, left=left)
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
        key=None,  # it is planned once, with the end of the one before
    )


def exit_after(reason: str, detail: Mapping[str, Any]) -> ExitReason | None:
    """Why the enrollment ends with a step that was skipped for this; None: it goes on with the next one.

    What the step's own conditions say is about that step.
    """
    return None if "unmet" in detail else _EXIT_BY_SKIP.get(reason)


def _due(step: SequenceStep, zone: ZoneInfo | None, *, at: datetime, calendar: Calendar, left: timedelta | None) -> Due:
    wall = Wall(calendar, zone if zone and step.timing.zone == "lead" else calendar.zone)
    timing, start = (step.timing, at) if left is None else (replace(step.timing, wait=AT_ONCE), at + left)
    due = due_time(timing, start, start, wall)
    assert due is not None  # noqa: S101  (it counts from no date of the lead)
    return due


def _cause(sequence: Sequence, step: SequenceStep, passage: Passage, variant: Variant | None) -> dict[str, Any]:
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
    if sequence.priority != NORMAL:
        cause["priority"] = sequence.priority
    return cause


def _choose(step: SequenceStep, enrollment_id: UUID) -> Variant | None:
    """By the enrollment's id and the step's name: the same one however often it is asked, evenly over many."""
    if not step.variants:
        return None
    digest = sha256(f"{enrollment_id}:{step.name}".encode()).digest()
    point = int.from_bytes(digest[:8]) % sum(variant.weight for variant in step.variants)
    for variant in step.variants:
        if point < variant.weight:
            return variant
        point -= variant.weight
    raise AssertionError("the weights add up")

"""The checks that every step of a rule passes when it is due, whatever it was when it was planned.

Pure: workers ask them, and so does a simulation.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final, NamedTuple, Protocol

from app.engine.events.events import Facts
from app.engine.models import Reason
from app.engine.rules.conditions import Condition, first_unmet

# Nothing more happens with such a lead, but for what its very end leads to.
OVER: Final[Mapping[str, Reason]] = {
    "CONVERTED": Reason.CONVERTED,
    "LOST": Reason.LOST,
    "ARCHIVED": Reason.ARCHIVED,
}
# A guard is a list of conditions on fields; people want to read why, not which field.
UNMET: Final[Mapping[str, Reason]] = {
    "lead.contacted_at": Reason.ALREADY_CONTACTED,
    "since.contacted": Reason.ALREADY_CONTACTED,
    "lead.failed_attempts": Reason.ALREADY_CONTACTED,
    "since.replied": Reason.REPLIED,
    "lead.replied_at": Reason.REPLIED,
    "lead.opted_out_at": Reason.OPTED_OUT,
    "lead.pipeline_stage": Reason.LEFT_STAGE,
    "task.status": Reason.TASK_DONE,
}


class Guarded(Protocol):
    """A step that is due: a row of `steps`, or one of a simulation."""

    @property
    def cause(self) -> Mapping[str, Any]: ...
    @property
    def guard(self) -> Mapping[str, Any] | None: ...
    @property
    def lateness(self) -> int | None: ...


class Refusal(NamedTuple):
    """Why a step must not run."""

    reason: Reason
    detail: Mapping[str, Any]


def refusal(
    step: Guarded, lead: Any, *, late: timedelta, rule_is_active: bool, facts: Callable[[], Facts]
) -> Refusal | None:
    """Why the step, so much `late`, must not run, or None. `facts`: those of now, asked where it has a guard."""
    if over := lead_is_over(lead, step.cause):
        return Refusal(over, {})
    if not rule_is_active:
        return Refusal(Reason.RULE_INACTIVE, {})
    if step.lateness is not None and late > timedelta(seconds=step.lateness):
        return Refusal(Reason.TOO_LATE, {"late_seconds": int(late.total_seconds())})
    return unmet(step, facts)


def lead_is_over(lead: Any, cause: Mapping[str, Any]) -> Reason | None:
    """Why nothing more happens with this lead, or None."""
    if lead.deleted_at is not None:
        return Reason.LEAD_GONE
    if lead.restricted_at is not None:
        return Reason.RESTRICTED
    if cause.get("lead_status") == lead.status:
        return None  # planned because of this very end: to win a lost lead back, to welcome a patient
    return OVER.get(lead.status)


def unmet(step: Guarded, facts: Callable[[], Facts]) -> Refusal | None:
    """Why the guard of the rule says no, or None."""
    condition = first_unmet(step.guard, facts()) if step.guard else None
    return Refusal(_why(condition), {"unmet": condition}) if condition else None


def _why(condition: Condition) -> Reason:
    return UNMET.get(condition.get("field", ""), Reason.CONDITION_NOT_MET)

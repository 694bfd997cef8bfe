"""Guards: the checks that every step of a rule must pass when it is due.

Pure: used by the workers and by the simulation.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

from app.core.type_aliases import JsonObject
from app.engine.events.events import Facts
from app.engine.models import Reason
from app.engine.rules.conditions import Condition, first_unmet

# Closed statuses: no steps run for these leads, except steps that the closing itself planned.
CLOSED_STATUSES: Final[Mapping[str, Reason]] = {
    "CONVERTED": Reason.CONVERTED,
    "LOST": Reason.LOST,
    "ARCHIVED": Reason.ARCHIVED,
}
# The reason that users see for an unmet condition, by field.
REASON_BY_FIELD: Final[Mapping[str, Reason]] = {
    "lead.contacted_at": Reason.ALREADY_CONTACTED,
    "since.contacted": Reason.ALREADY_CONTACTED,
    "lead.failed_attempts": Reason.ALREADY_CONTACTED,
    "since.replied": Reason.REPLIED,
    "lead.replied_at": Reason.REPLIED,
    "lead.opted_out_at": Reason.OPTED_OUT,
    "lead.pipeline_stage": Reason.LEFT_STAGE,
    "task.status": Reason.TASK_DONE,
}


class GuardedStep(Protocol):
    """A due step: a row of `steps`, or a simulated step."""

    @property
    def cause(self) -> JsonObject: ...
    @property
    def guard(self) -> JsonObject | None: ...
    @property
    def lateness(self) -> int | None: ...


class ClosableLead(Protocol):
    """The columns of a lead that say whether steps may still run for it."""

    @property
    def status(self) -> str: ...
    @property
    def deleted_at(self) -> datetime | None: ...
    @property
    def restricted_at(self) -> datetime | None: ...


class Refusal(NamedTuple):
    """Why a step must not run."""

    reason: Reason
    detail: JsonObject


def refusal(
    step: GuardedStep, lead: ClosableLead, *, late: timedelta, rule_is_active: bool, facts: Callable[[], Facts]
) -> Refusal | None:
    """Return why a step that is `late` must not run, or None.

    `facts` returns the current facts. It is called only if the step has a guard.
    """
    if over := closed_lead_reason(lead, step.cause):
        return Refusal(over, {})
    if not rule_is_active:
        return Refusal(Reason.RULE_INACTIVE, {})
    if step.lateness is not None and late > timedelta(seconds=step.lateness):
        return Refusal(Reason.TOO_LATE, {"late_seconds": int(late.total_seconds())})
    return unmet_guard(step, facts)


def closed_lead_reason(lead: ClosableLead, cause: JsonObject) -> Reason | None:
    """Return why no more steps run for this lead, or None."""
    if lead.deleted_at is not None:
        return Reason.LEAD_GONE
    if lead.restricted_at is not None:
        return Reason.RESTRICTED
    if cause.get("lead_status") == lead.status:
        return None  # planned by the closing itself, e.g. to win back a lost lead or to welcome a patient
    return CLOSED_STATUSES.get(lead.status)


def unmet_guard(step: GuardedStep, facts: Callable[[], Facts]) -> Refusal | None:
    """Return a refusal if a condition of the guard is not met, or None."""
    condition = first_unmet(step.guard, facts()) if step.guard else None
    return Refusal(_why(condition), {"unmet": condition}) if condition else None


def _why(condition: Condition) -> Reason:
    return REASON_BY_FIELD.get(condition.get("field", ""), Reason.CONDITION_NOT_MET)

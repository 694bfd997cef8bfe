"""The checks that every step of a rule passes when it is due, whatever it was when it was planned."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from app.automation.conditions import first_unmet
from app.automation.models import Reason
from app.leads.models import LeadStatus
from workers.context import StepContext
from workers.outcomes import Skip

OVER = {
    LeadStatus.CONVERTED: Reason.CONVERTED,
    LeadStatus.LOST: Reason.LOST,
    LeadStatus.ARCHIVED: Reason.ARCHIVED,
}
# A guard is a list of conditions on fields; people want to read why, not which field.
UNMET = {
    "lead.contacted_at": Reason.ALREADY_CONTACTED,
    "since.contacted": Reason.ALREADY_CONTACTED,
    "lead.failed_attempts": Reason.ALREADY_CONTACTED,
    "since.replied": Reason.REPLIED,
    "lead.replied_at": Reason.REPLIED,
    "lead.opted_out_at": Reason.OPTED_OUT,
    "lead.pipeline_stage": Reason.LEFT_STAGE,
    "task.status": Reason.TASK_DONE,
}


def check(context: StepContext) -> Skip | None:
    """Why the step must not run, or None."""
    over = lead_is_over(context)
    if over:
        return Skip(over)
    if not context.rule_is_active:
        return Skip(Reason.RULE_INACTIVE)
    if context.step.lateness is not None and _lateness(context) > timedelta(seconds=context.step.lateness):
        return Skip(Reason.TOO_LATE, {"late_seconds": int(_lateness(context).total_seconds())})
    condition = _first_unmet(context)
    return Skip(_why(condition), {"unmet": condition}) if condition else None


def lead_is_over(context: StepContext) -> Reason | None:
    """Why nothing more happens with this lead, or None."""
    if context.lead.deleted_at is not None:
        return Reason.LEAD_GONE
    if context.lead.restricted_at is not None:
        return Reason.RESTRICTED
    if context.step.cause.get("lead_status") == context.lead.status:
        return None  # planned because of this very end: to win a lost lead back, to welcome a patient
    return OVER.get(context.lead.status)


def unmet(context: StepContext) -> Reason | None:
    """Why the guard of the rule says no, or None."""
    condition = _first_unmet(context)
    return _why(condition) if condition else None


def _first_unmet(context: StepContext) -> Mapping[str, Any] | None:
    return first_unmet(context.step.guard, context.facts()) if context.step.guard else None


def _lateness(context: StepContext) -> timedelta:
    late: timedelta = context.now - context.step.due_at
    return late


def _why(condition: Mapping[str, Any]) -> Reason:
    return UNMET.get(condition.get("field", ""), Reason.CONDITION_NOT_MET)

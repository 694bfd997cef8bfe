"""The checks that every step of a rule passes when it is due, whatever it was when it was planned."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from app.automation.conditions import first_unmet
from app.automation.models import Reason
from app.leads.models import LeadStatus
from workers.context import StepContext
from workers.outcomes import Skip, Snooze

LOOKED_AGAIN = timedelta(minutes=15)  # whether a rule is still paused: what waits goes on spread out, as it came
OVER = {
    LeadStatus.CONVERTED: Reason.CONVERTED,
    LeadStatus.LOST: Reason.LOST,
    LeadStatus.ARCHIVED: Reason.ARCHIVED,
}
_WAITS_SINCE = "waits_since"  # what a step keeps while its rule is paused
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


def check(context: StepContext) -> Skip | Snooze | None:
    """Why the step must not run, or not yet; else None."""
    over = lead_is_over(context)
    if over:
        return Skip(over)
    if not context.rule_is_active and not is_paused(context, context.step.cause.get("rule")):
        return Skip(Reason.RULE_INACTIVE)
    if context.step.lateness is not None and _lateness(context) > timedelta(seconds=context.step.lateness):
        return Skip(Reason.TOO_LATE, {"late_seconds": int(_lateness(context).total_seconds())})
    condition = _first_unmet(context)
    if condition:
        return Skip(_why(condition), {"unmet": condition})
    return wait(context) if is_paused(context, context.step.cause.get("rule")) else None


def is_paused(context: StepContext, slug: str | None) -> bool:
    """Whether the engine paused that rule, and nobody has looked yet."""
    return slug in context.rules.paused


def wait(context: StepContext) -> Snooze:
    """Until its rule is no longer paused. How late it is counts from when it was due at first."""
    first = {_WAITS_SINCE: _due_at_first(context).isoformat()}
    return Snooze(context.now + LOOKED_AGAIN, Reason.RULE_PAUSED, first)


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
    return context.now - _due_at_first(context)


def _due_at_first(context: StepContext) -> datetime:
    waits_since = (context.step.outcome or {}).get(_WAITS_SINCE)
    due_at: datetime = context.step.due_at
    return datetime.fromisoformat(waits_since) if waits_since else due_at


def _why(condition: Mapping[str, Any]) -> Reason:
    return UNMET.get(condition.get("field", ""), Reason.CONDITION_NOT_MET)

"""Rows of `assignment_history`, for bulk inserts."""

from datetime import datetime
from uuid import UUID

from app.core.db import new_id
from app.core.type_aliases import ColumnDict, JsonDict
from app.leads.assignment.models import AssignmentReason
from app.leads.assignment.rules.evaluation import Decision


def history_row(clinic_id: UUID, lead_id: UUID, *, at: datetime, **columns: object) -> ColumnDict:
    """Return a row with every column of `assignment_history`; `columns` holds `why` and any others."""
    return {
        "lead_id": lead_id,
        "id": new_id(),
        "clinic_id": clinic_id,
        "from_id": None,
        "to_id": None,
        "by_id": None,
        "rule_id": None,
        "rule_name": None,
        "reason": None,
        "at": at,
    } | columns


def first_assignment_reason(decision: Decision | None) -> JsonDict:
    """Return `why`, `rule_id` and `rule_name` for the first assignment of a lead without a requested assignee."""
    if decision is None or decision.rule.id is None:
        return {"why": AssignmentReason.DEFAULT, **NO_RULE}
    return {"why": AssignmentReason.RULE, **rule_columns(decision)}


def rule_columns(decision: Decision | None) -> ColumnDict:
    """Return the columns `rule_id` and `rule_name` of the rule that decided."""
    if decision is None or decision.rule.id is None:
        return NO_RULE
    return {"rule_id": decision.rule.id, "rule_name": decision.rule.name}


NO_RULE: JsonDict = {"rule_id": None, "rule_name": None}


def change_note(before: str | None, after: str, reason: str | None = None) -> str:
    """Return the timeline note of an assignment, such as `Ana → Ben: is on leave`."""
    names = " → ".join(name for name in (before, after) if name)
    return f"{names}: {reason}" if reason else names

"""Rows of the history of leads' coordinators, as they are inserted by whoever gives a lead to somebody."""

from datetime import datetime
from typing import Any
from uuid import UUID

from app.core.db import new_id
from app.leads.assignment.models import Why
from app.leads.assignment.rules.evaluation import Decision


def entry(clinic_id: UUID, lead_id: UUID, *, at: datetime, **given: Any) -> dict[str, Any]:
    """A row of `assignment_history`, every column named; `given` holds `why`, and may hold any other column."""
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
    } | given


def why_first(decision: Decision | None) -> dict[str, Any]:
    """The columns that say how a new lead came to its first coordinator, where nobody was named."""
    if decision is None or decision.rule.id is None:
        return {"why": Why.DEFAULT, **NO_RULE}
    return {"why": Why.RULE, **rule_of(decision)}


def rule_of(decision: Decision | None) -> dict[str, Any]:
    """The columns that tell which of the clinic's rules chose."""
    if decision is None or decision.rule.id is None:
        return NO_RULE
    return {"rule_id": decision.rule.id, "rule_name": decision.rule.name}


NO_RULE: dict[str, Any] = {"rule_id": None, "rule_name": None}


def moved(before: str | None, after: str, reason: str | None = None) -> str:
    """What the timeline says of it: `Ana → Ben: is on leave`."""
    names = " → ".join(name for name in (before, after) if name)
    return f"{names}: {reason}" if reason else names

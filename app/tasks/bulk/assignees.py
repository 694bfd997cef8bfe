"""Who does the follow-up of an item. Pure, but for reading who works here."""

from collections.abc import Callable
from typing import Any, TypeAlias
from uuid import UUID

from app.leads.assignment.staff import Staff, Strategy
from app.tasks.bulk.spec import Spec

# From an item's place in the job and its lead to whoever does it; None: nobody is there to do it.
Assign: TypeAlias = Callable[[int, Any], UUID | None]


def assignment(spec: Spec, staff: Staff) -> Assign:
    """How the items of a job are given out."""
    if spec.strategy is Strategy.KEEP:
        return lambda _, lead: _keep(lead, staff)
    users = [user_id for user_id in spec.users if user_id in staff.everybody] if spec.users else staff.team
    return lambda position, _: users[position % len(users)] if users else None


def _keep(lead: Any, staff: Staff) -> UUID | None:
    """The lead's coordinator; by rotation while it is nobody's, or somebody's who is no longer there."""
    assigned: UUID | None = lead.assigned_to_id
    if assigned in staff.everybody:
        return assigned
    return staff.team[lead.id.int % len(staff.team)] if staff.team else None

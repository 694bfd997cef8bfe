"""Assignees of bulk follow-ups. Pure."""

from collections.abc import Callable
from typing import Any, TypeAlias
from uuid import UUID

from app.leads.assignment.user_groups import AssigneeStrategy, UserGroups
from app.tasks.bulk.spec import Spec

# (position of the item, lead) -> user id; None if no user is available.
Assign: TypeAlias = Callable[[int, Any], UUID | None]


def choose_strategy(spec: Spec, staff: UserGroups) -> Assign:
    """Return the function that chooses the assignee of each item."""
    if spec.strategy is AssigneeStrategy.KEEP:
        return lambda _, lead: _keep(lead, staff)
    users = [user_id for user_id in spec.users if user_id in staff.all_ids] if spec.users else staff.team
    return lambda position, _: users[position % len(users)] if users else None


def _keep(lead: Any, staff: UserGroups) -> UUID | None:
    """Return the lead's coordinator. Rotate over the team if the lead has none, or one who is not available."""
    assigned: UUID | None = lead.assigned_to_id
    if assigned in staff.all_ids:
        return assigned
    return staff.team[lead.id.int % len(staff.team)] if staff.team else None

"""Assignees of bulk follow-ups. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from uuid import UUID

from app.identity.users.lookup import ActiveUser
from app.leads.assignment.coordinators import coordinator_of, rotation_team
from app.tasks.bulk.spec import AssigneeStrategy, Spec

# (position of the item, lead) -> user id; None if no user is available.
Assign: TypeAlias = Callable[[int, Any], UUID | None]


def choose_strategy(spec: Spec, staff: Mapping[UUID, ActiveUser]) -> Assign:
    """Return the function that chooses the assignee of each item. `staff` are the clinic's active users, by id."""
    if spec.strategy is AssigneeStrategy.KEEP:
        return lambda _, lead: _keep(lead, staff)
    workers = [user_id for user_id in spec.users if user_id in staff and staff[user_id].may_work]
    team = workers if spec.users else _rotation(staff)
    return lambda position, _: team[position % len(team)] if team else None


def _keep(lead: Any, staff: Mapping[UUID, ActiveUser]) -> UUID | None:
    """Return the lead's coordinator. Rotate over the team if the lead has none, or one who is not available."""
    coordinator = coordinator_of(lead.id, lead.assigned_to_id, staff)
    return coordinator and coordinator.id


def _rotation(staff: Mapping[UUID, ActiveUser]) -> list[UUID]:
    return [user.id for user in rotation_team(staff)]

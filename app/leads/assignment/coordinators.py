"""Responsible users of leads, for messages and notifications: the assigned user, else round robin."""

from collections.abc import Mapping
from typing import Protocol, TypeVar
from uuid import UUID

from app.identity.models import Role
from app.identity.roles import LEAD_OWNER_ROLES
from app.leads.assignment.rotation import next_in_rotation


class _Colleague(Protocol):
    @property
    def role(self) -> str: ...
    @property
    def may_work(self) -> bool: ...


UserT = TypeVar("UserT", bound=_Colleague)


def coordinator_of(lead_id: UUID, assigned_to_id: UUID | None, people: Mapping[UUID, UserT]) -> UserT | None:
    """Return the assigned user; round robin if the lead is unassigned or its user may not work on leads."""
    assigned = people.get(assigned_to_id) if assigned_to_id else None
    if assigned is not None and assigned.may_work:
        return assigned
    return next_in_rotation(lead_id, rotation_team(people))


def users_in_group(to: str, coordinator: UserT | None, people: Mapping[UUID, UserT]) -> list[UserT]:
    """Return the users that a rule means by `coordinator`, `managers` or `admins`; no managers: the admins."""
    if to == "coordinator":
        return [coordinator] if coordinator else []
    managers = [person for person in people.values() if person.role == Role.MANAGER and to == "managers"]
    return managers or [person for person in people.values() if person.role == Role.CLINIC_ADMIN]


def rotation_team(people: Mapping[UUID, UserT]) -> list[UserT]:
    """Return the users who take turns for unassigned leads: roles that take leads, else admins."""
    eligible = [person for person in people.values() if person.role in LEAD_OWNER_ROLES]
    return eligible or [person for person in people.values() if person.role == Role.CLINIC_ADMIN]

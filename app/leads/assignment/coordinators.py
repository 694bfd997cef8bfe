"""Responsible users of leads, for messages and notifications: the assigned user, else round robin."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.identity.models import Role, User
from app.identity.roles import LEAD_OWNER_ROLES


class _WithRole(Protocol):
    @property
    def role(self) -> str: ...


UserT = TypeVar("UserT", bound=_WithRole)


class ActiveUser(NamedTuple):
    """An active user of the clinic."""

    id: UUID
    name: str
    email: str
    role: str


def active_users(session: Session, clinic_id: UUID) -> dict[UUID, ActiveUser]:
    """Return the clinic's active users by id, ordered by id."""
    active = select(User.id, User.name, User.email, User.role).where(User.clinic_id == clinic_id, User.is_active)
    return {row.id: ActiveUser(*row) for row in session.execute(active.order_by(User.id))}


def coordinator_of(lead_id: UUID, assigned_to_id: UUID | None, people: Mapping[UUID, UserT]) -> UserT | None:
    """Return the assigned user; round robin if the lead is unassigned or its user is not in `people`."""
    if assigned_to_id and assigned_to_id in people:
        return people[assigned_to_id]
    team = rotation_team(people)
    return team[lead_id.int % len(team)] if team else None


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

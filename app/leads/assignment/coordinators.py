"""Who looks after a lead, in the words that it gets: whoever it is assigned to, or somebody in turn."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.identity.models import Role, User
from app.identity.users.roles import TAKES_LEADS


class _WithRole(Protocol):
    @property
    def role(self) -> str: ...


Someone = TypeVar("Someone", bound=_WithRole)


class Colleague(NamedTuple):
    """An active user of the clinic."""

    id: UUID
    name: str
    email: str
    role: str


def colleagues(session: Session, clinic_id: UUID) -> dict[UUID, Colleague]:
    """The clinic's active users by id, in a stable order."""
    active = select(User.id, User.name, User.email, User.role).where(User.clinic_id == clinic_id, User.is_active)
    return {row.id: Colleague(*row) for row in session.execute(active.order_by(User.id))}


def coordinator_of(lead_id: UUID, assigned_to_id: UUID | None, people: Mapping[UUID, Someone]) -> Someone | None:
    """Whose lead it is; by rotation while it is nobody's, or somebody's who is not among these people any more."""
    if assigned_to_id and assigned_to_id in people:
        return people[assigned_to_id]
    team = in_turn(people)
    return team[lead_id.int % len(team)] if team else None


def audience(to: str, coordinator: Someone | None, people: Mapping[UUID, Someone]) -> list[Someone]:
    """Whom a rule means by `coordinator`, `managers` or `admins`; the admins, where there is no manager."""
    if to == "coordinator":
        return [coordinator] if coordinator else []
    managers = [person for person in people.values() if person.role == Role.MANAGER and to == "managers"]
    return managers or [person for person in people.values() if person.role == Role.CLINIC_ADMIN]


def in_turn(people: Mapping[UUID, Someone]) -> list[Someone]:
    """Who looks after leads that nobody has: those who take leads, else the admins."""
    takers = [person for person in people.values() if person.role in TAKES_LEADS]
    return takers or [person for person in people.values() if person.role == Role.CLINIC_ADMIN]

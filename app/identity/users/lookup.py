"""Lookup of the users of a clinic by id, and checks for possible assignees."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.errors import Invalid
from app.identity.actor import Actor
from app.identity.models import User

ME: Final = "me"


class UserName(NamedTuple):
    """Id, name and state of a user."""

    id: UUID
    name: str
    is_active: bool


class ActiveUser(NamedTuple):
    """An active user of a clinic."""

    id: UUID
    name: str
    email: str
    role: str


UsersById = Mapping[UUID, UserName]


def users_by_id(session: Session, clinic_id: UUID, user_ids: Iterable[UUID | None]) -> UsersById:
    """Return the users of the clinic among `user_ids`, by id, in one query. Other ids are left out."""
    wanted = {user_id for user_id in user_ids if user_id}
    if not wanted:
        return {}
    found = select(User.id, User.name, User.is_active).where(User.id.in_(wanted), User.clinic_id == clinic_id)
    return {row.id: UserName(*row) for row in session.execute(found)}


def active_users(session: Session, clinic_id: UUID) -> dict[UUID, ActiveUser]:
    """Return the clinic's active users by id, ordered by id."""
    return active_users_by_clinic(session, [clinic_id])[clinic_id]


def active_users_by_clinic(session: Session, clinic_ids: Iterable[UUID]) -> dict[UUID, dict[UUID, ActiveUser]]:
    """Return the active users of each of these clinics by id, ordered by id, in one query."""
    users: dict[UUID, dict[UUID, ActiveUser]] = {clinic_id: {} for clinic_id in clinic_ids}
    for clinic_id, *user in session.execute(_ACTIVE_USERS, {"clinics": list(users)}):
        active = ActiveUser(*user)
        users[clinic_id][active.id] = active
    return users


_ACTIVE_USERS: Final = text(
    "SELECT clinic_id, id, name, email, role FROM users WHERE clinic_id = ANY(:clinics) AND is_active ORDER BY id"
)


def resolve_user_id(user: UUID | str, actor: Actor, *, pointer: str = "/assigned_to_id") -> UUID:
    """Return the user id; `me` is the caller. Raises Invalid if an API key says `me`."""
    found = actor.user_id if user == ME else user
    if not isinstance(found, UUID):
        raise Invalid.at(pointer, "An API key belongs to no user: name a user.")
    return found


def is_active_user(users: UsersById, user_id: UUID | None) -> bool:
    """Return whether the id belongs to an active user among `users`."""
    return user_id is not None and user_id in users and users[user_id].is_active


def require_active_user(users: UsersById, user_id: UUID) -> None:
    """Check that the id belongs to an active user among `users`. Raises Invalid."""
    if not is_active_user(users, user_id):
        raise Invalid.at("/assigned_to_id", "Must be an active user of your clinic.")

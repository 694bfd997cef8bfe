"""Lookup of the users of a clinic by id, and checks for possible assignees."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import and_, select, text
from sqlalchemy.orm import Session

from app.core.database.driver_sql import driver_sql, execute_driver_sql
from app.core.type_aliases import JsonObject
from app.errors import Invalid
from app.identity.actor import Actor
from app.identity.models import User
from app.identity.roles import may_work_sql

ME: Final = "me"
MUST_BE_ASSIGNABLE: Final = "Must be an active user of your clinic who may work on leads."
HAS_WORKING_ROLE: Final = text(may_work_sql("users"))
MAY_WORK: Final = and_(User.is_active, HAS_WORKING_ROLE)


class UserName(NamedTuple):
    """Id, name and state of a user. `may_work`: is active, and may work on leads and tasks."""

    id: UUID
    name: str
    may_work: bool


class ActiveUser(NamedTuple):
    """An active user of a clinic. `may_work`: may work on leads and tasks."""

    id: UUID
    name: str
    email: str
    role: str
    may_work: bool = True


UsersById = Mapping[UUID, UserName]


def users_by_id(session: Session, clinic_id: UUID, user_ids: Iterable[UUID | None]) -> UsersById:
    """Return the users of the clinic among `user_ids`, by id, in one query. Other ids are left out."""
    wanted = {user_id for user_id in user_ids if user_id}
    if not wanted:
        return {}
    found = select(User.id, User.name, MAY_WORK.label("may_work")).where(
        User.id.in_(wanted), User.clinic_id == clinic_id
    )
    return {row.id: UserName(*row) for row in session.execute(found)}


def active_users(session: Session, clinic_id: UUID) -> dict[UUID, ActiveUser]:
    """Return the clinic's active users by id, ordered by id."""
    return active_users_by_clinic(session, [clinic_id])[clinic_id]


def active_users_by_clinic(session: Session, clinic_ids: Iterable[UUID]) -> dict[UUID, dict[UUID, ActiveUser]]:
    """Return the active users of each of these clinics by id, ordered by id, in one query."""
    users: dict[UUID, dict[UUID, ActiveUser]] = {clinic_id: {} for clinic_id in clinic_ids}
    for clinic_id, *user in execute_driver_sql(session, _ACTIVE_USERS, {"clinics": list(users)}):
        active = ActiveUser(*user)
        users[clinic_id][active.id] = active
    return users


_ACTIVE_USERS: Final = driver_sql(
    f"SELECT clinic_id, id, name, email, role, {may_work_sql('users')} FROM users"  # noqa: S608  (constants)
    " WHERE clinic_id = ANY(CAST((SELECT CAST(:clinics AS uuid[])) AS uuid[])) AND is_active ORDER BY id"
)  # the sub-select hides the number of clinics from the planner, so that it keeps the plan of the prepared statement


def resolve_user_id(user: UUID | str, actor: Actor, *, pointer: str = "/assigned_to_id") -> UUID:
    """Return the user id; `me` is the caller. Raises Invalid if an API key says `me`."""
    found = actor.user_id if user == ME else user
    if not isinstance(found, UUID):
        raise Invalid.at(pointer, "An API key belongs to no user: name a user.")
    return found


def assignable_user_ids(session: Session, clinic_id: UUID) -> frozenset[str]:
    """Return the ids of all users of the clinic who may get leads and tasks, as text."""
    return frozenset(map(str, session.scalars(select(User.id).where(User.clinic_id == clinic_id, MAY_WORK))))


def is_assignable(users: UsersById, user_id: UUID | None) -> bool:
    """Return whether the id belongs to a user among `users` who may get leads and tasks."""
    return user_id is not None and user_id in users and users[user_id].may_work


def require_assignable(users: UsersById, user_id: UUID) -> None:
    """Check that leads and tasks may be assigned to this user among `users`. Raises Invalid."""
    if not is_assignable(users, user_id):
        raise Invalid.at("/assigned_to_id", MUST_BE_ASSIGNABLE)


def require_named_assignee(session: Session, actor: Actor, data: JsonObject, /, **_: object) -> None:
    """Check the user in `assigned_to_id`, if there is one, as `require_assignable` does. Raises Invalid."""
    if chosen := data.get("assigned_to_id"):
        require_assignable(users_by_id(session, actor.clinic.id, [chosen]), chosen)

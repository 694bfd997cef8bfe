"""Users of a clinic: list, invite, edit, deactivate and reactivate."""

from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.live_events.changes import close_streams
from app.core.optimistic_locking import SeenVersions, require_version
from app.core.pagination import Key, Page, page
from app.core.type_aliases import JsonObject
from app.core.validation.check_all import check_all
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.identity.account_email_ports import send_invitation
from app.identity.actor import Actor
from app.identity.models import Role, Team, User
from app.identity.permissions import Permission, Scope
from app.identity.roles import require_role
from app.identity.service import create_user
from app.identity.sign_in.sessions import sign_out_everywhere
from app.identity.users.errors import NotYourself
from app.identity.users.management_checks import lock_clinic, require_may_grant, require_user_manager

BY_NAME: Final[list[Key]] = [(User.name, "asc"), (User.id, "asc")]


class HasAPassword(Conflict):
    """The user has already chosen a password, so there is no invitation to send."""


def list_users(session: Session, actor: Actor, query: JsonObject) -> Page:
    """Return a page of the clinic's users by name, with the filters of `query` (as `UserQuery` reads it).

    Raises Forbidden.
    """
    _require_staff_access(actor)
    of_clinic = select(User).where(User.clinic_id == actor.clinic.id)
    for name in query.keys() & {"role", "team_id", "is_active"}:
        of_clinic = of_clinic.where(getattr(User, name) == query[name])
    return page(session, of_clinic, BY_NAME, query)


def get_user(session: Session, actor: Actor, user_id: UUID) -> User:
    """Return a user of the clinic. Raises NotFound, Forbidden."""
    _require_staff_access(actor)
    return _find(session, actor, user_id)


def may_see_staff(actor: Actor) -> bool:
    """Return whether the caller may see all staff: users may, programs only if they assign leads or manage users."""
    return actor.user_id is not None or any(map(actor.allows, (Permission.LEAD_ASSIGN, Permission.USER_MANAGE)))


def _require_staff_access(actor: Actor) -> None:
    if not may_see_staff(actor):
        actor.require(Permission.USER_MANAGE)


def invite(session: Session, actor: Actor, data: JsonObject) -> User:
    """Create a user and send the invitation e-mail.

    `data` has `email`, `name`, `role` and optionally `team_id`. Raises Forbidden, Invalid, EmailTaken.
    """
    require_may_grant(session, actor, data["role"])
    if data.get("team_id"):
        _require_team(session, actor, data["team_id"])
    user = create_user(session, actor.clinic.id, email=data["email"], name=data["name"], role=data["role"])
    user.team_id = data.get("team_id")
    user.updated_at = user.created_at
    send_invitation(session, user, actor.clinic.name, actor.name)
    return user


def invite_again(session: Session, actor: Actor, user_id: UUID) -> User:
    """Send the invitation e-mail again to a user without a password. Raises NotFound, Forbidden, HasAPassword."""
    user = _find(session, actor, user_id, lock=True)
    require_may_grant(session, actor, user.role)
    if user.password_hash is not None:
        raise HasAPassword
    send_invitation(session, user, actor.clinic.name, actor.name)
    return user


def update_user(session: Session, actor: Actor, user_id: UUID, data: JsonObject, *, seen: SeenVersions = None) -> User:
    """Replace the fields in `data` (as `UserChanges` reads them). A new role takes effect with the next call.

    Raises NotFound, ChangedMeanwhile, Forbidden, Invalid, NotYourself, NobodyElse.
    """
    user = _find(session, actor, user_id, lock=True)
    require_version(user, seen)
    require_may_grant(session, actor, user.role)
    if (role := data.get("role", user.role)) != user.role:
        _require_another(actor, user)
        require_may_grant(session, actor, role)
    if data.get("team_id", user.team_id) != user.team_id:
        _require_team(session, actor, data["team_id"])
    _close_streams(session, user, data)
    for name, value in data.items():
        setattr(user, name, value)
    _touch(user)
    require_user_manager(session, actor)
    return user


def _close_streams(session: Session, user: User, data: JsonObject) -> None:
    """Close live updates that get another scope: the user's own, and with a new team those of the clinic."""
    if data.get("team_id", user.team_id) != user.team_id:
        close_streams(session, clinic_id=user.clinic_id)
    elif data.get("role", user.role) != user.role:
        close_streams(session, stands_for=user.id)


def check_user(session: Session, actor: Actor, data: JsonObject, /, **_: object) -> None:
    """Check the role and the team that a body names. Raises Invalid with every error."""
    check_all(
        lambda: require_role(session, actor.clinic.id, data.get("role", Role.CLINIC_ADMIN)),
        lambda: _require_own_team(session, actor, data.get("team_id")),
    )


def deactivate(session: Session, actor: Actor, user_id: UUID) -> User:
    """Deactivate a user and revoke their sign-ins and API keys at once. Idempotent.

    Raises NotFound, Forbidden, NotYourself, NobodyElse.
    """
    user = _find(session, actor, user_id, lock=True)
    _require_another(actor, user)
    require_may_grant(session, actor, user.role)
    if user.is_active:
        user.is_active = False
        _touch(user)
        sign_out_everywhere(session, user.id)
        close_streams(session, stands_for=user.id)  # also of the user's API keys
        require_user_manager(session, actor)
    return user


def reactivate(session: Session, actor: Actor, user_id: UUID) -> User:
    """Reactivate a user, who can then sign in with the same password. Raises NotFound, Forbidden."""
    user = _find(session, actor, user_id, lock=True)
    require_may_grant(session, actor, user.role)
    if not user.is_active:
        user.is_active = True
        _touch(user)
    return user


def _find(session: Session, actor: Actor, user_id: UUID, *, lock: bool = False) -> User:
    wanted = select(User).where(User.id == user_id, User.clinic_id == actor.clinic.id)
    if lock:
        lock_clinic(session, actor.clinic.id)
        wanted = wanted.with_for_update(key_share=True).execution_options(populate_existing=True)
    user = session.scalars(wanted).one_or_none()
    if user is None:
        raise NotFound
    return user


def _require_another(actor: Actor, user: User) -> None:
    if user.id == actor.stands_for:
        raise NotYourself


def _require_team(session: Session, actor: Actor, team_id: UUID | None) -> None:
    """Check a team of the clinic. Raises Invalid, and Forbidden if the actor's own scope depends on teams."""
    if Scope.TEAM in actor.permissions.values():
        raise Forbidden("Your role is limited to your team, so you cannot change who is in a team.")
    _require_own_team(session, actor, team_id)


def _require_own_team(session: Session, actor: Actor, team_id: UUID | None) -> None:
    if team_id is None:
        return
    if session.scalar(select(Team.id).where(Team.id == team_id, Team.clinic_id == actor.clinic.id)) is None:
        raise Invalid.at("/team_id", "Not a team of your clinic.")


def _touch(user: User) -> None:
    user.updated_at = now()
    user.version += 1

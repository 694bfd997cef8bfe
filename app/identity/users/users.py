"""The clinic's people: who they are, what they may do, and whether they still work here."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.optimistic_locking import Seen, require_seen
from app.core.pagination import Key, Page, page
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.identity.account_emails import send_invitation
from app.identity.actor import Actor
from app.identity.models import Team, User
from app.identity.permissions import Scope
from app.identity.service import create_user
from app.identity.sign_in.sessions import sign_out_everywhere
from app.identity.users.errors import NotYourself
from app.identity.users.management_checks import require_may_give, require_somebody_who_manages, take_turns

BY_NAME: Final[list[Key]] = [(User.name, "asc"), (User.id, "asc")]


class HasAPassword(Conflict):
    """They have chosen a password already: there is nothing to invite them to."""


def list_users(session: Session, actor: Actor, query: Mapping[str, Any]) -> Page:
    """The clinic's people by name, those who pass the filters in `query` (as `UserQuery` reads it)."""
    of_clinic = select(User).where(User.clinic_id == actor.clinic.id)
    for name in query.keys() & {"role", "team_id", "is_active"}:
        of_clinic = of_clinic.where(getattr(User, name) == query[name])
    return page(session, of_clinic, BY_NAME, query)


def get_user(session: Session, actor: Actor, user_id: UUID) -> User:
    """One of the clinic's people. Raises NotFound."""
    return _find(session, actor, user_id)


def invite(session: Session, actor: Actor, data: Mapping[str, Any]) -> User:
    """A new colleague, who gets a message and chooses a password. Raises Forbidden, Invalid, EmailTaken."""
    require_may_give(session, actor, data["role"])
    if data.get("team_id"):
        _require_team(session, actor, data["team_id"])
    user = create_user(session, actor.clinic.id, email=data["email"], name=data["name"], role=data["role"])
    user.team_id = data.get("team_id")
    user.updated_at = user.created_at
    send_invitation(session, user, actor.clinic.name, actor.name)
    return user


def invite_again(session: Session, actor: Actor, user_id: UUID) -> User:
    """Send the invitation once more, to who has not followed it yet. Raises NotFound, HasAPassword."""
    user = _find(session, actor, user_id, lock=True)
    if user.password_hash is not None:
        raise HasAPassword
    send_invitation(session, user, actor.clinic.name, actor.name)
    return user


def update_user(session: Session, actor: Actor, user_id: UUID, data: Mapping[str, Any], *, seen: Seen = None) -> User:
    """Replace the fields in `data` (as `UserChanges` reads them); a role counts from the next call on.

    Raises NotFound, ChangedMeanwhile, Forbidden, Invalid, NotYourself, NobodyElse.
    """
    user = _find(session, actor, user_id, lock=True)
    require_seen(user, seen)
    require_may_give(session, actor, user.role)
    if (role := data.get("role", user.role)) != user.role:
        _require_another(actor, user)
        require_may_give(session, actor, role)
    if data.get("team_id", user.team_id) != user.team_id:
        _require_team(session, actor, data["team_id"])
    for name, value in data.items():
        setattr(user, name, value)
    _touch(user)
    require_somebody_who_manages(session, actor)
    return user


def deactivate(session: Session, actor: Actor, user_id: UUID) -> User:
    """They no longer work here: every sign-in and every key of theirs ends at once. Twice is once.

    Raises NotFound, Forbidden, NotYourself, NobodyElse.
    """
    user = _find(session, actor, user_id, lock=True)
    _require_another(actor, user)
    require_may_give(session, actor, user.role)
    if user.is_active:
        user.is_active = False
        _touch(user)
        sign_out_everywhere(session, user.id)
        require_somebody_who_manages(session, actor)
    return user


def reactivate(session: Session, actor: Actor, user_id: UUID) -> User:
    """They work here again, and sign in as before. Raises NotFound, Forbidden."""
    user = _find(session, actor, user_id, lock=True)
    require_may_give(session, actor, user.role)
    if not user.is_active:
        user.is_active = True
        _touch(user)
    return user


def _find(session: Session, actor: Actor, user_id: UUID, *, lock: bool = False) -> User:
    wanted = select(User).where(User.id == user_id, User.clinic_id == actor.clinic.id)
    if lock:
        take_turns(session, actor.clinic.id)
        wanted = wanted.with_for_update(key_share=True).execution_options(populate_existing=True)
    user = session.scalars(wanted).one_or_none()
    if user is None:
        raise NotFound
    return user


def _require_another(actor: Actor, user: User) -> None:
    if user.id == actor.stands_for:
        raise NotYourself


def _require_team(session: Session, actor: Actor, team_id: UUID | None) -> None:
    """Raises Invalid; Forbidden where who is in which team decides what the actor sees."""
    if Scope.TEAM in actor.permissions.values():
        raise Forbidden("Only who sees more than a team says who is in one.")
    if team_id is None:
        return
    if session.scalar(select(Team.id).where(Team.id == team_id, Team.clinic_id == actor.clinic.id)) is None:
        raise Invalid.at("/team_id", "Not a team of your clinic.")


def _touch(user: User) -> None:
    user.updated_at = now()
    user.version += 1

"""Password reset and password change. Both end all existing sign-ins of the user."""

from uuid import UUID

import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import transaction
from app.core.type_aliases import JsonObject
from app.errors import Forbidden, Invalid
from app.identity.account_email_ports import send_password_reset
from app.identity.actor import Actor
from app.identity.models import PasswordLink, User
from app.identity.password_policy import require_strong_password, verify_password
from app.identity.passwords.hashes import hash_for
from app.identity.passwords.links import LinkIsNoGood, end_links, parse_token
from app.identity.sign_in.sessions import sign_out_everywhere

log = structlog.get_logger()


def send_link(email: str) -> None:
    """Send a password reset e-mail to each active user with the address, in a transaction of its own.

    Call it after the response: its work differs for known and unknown addresses. A failure is logged.
    """
    active = select(User).where(func.lower(User.email) == email.lower(), User.is_active).order_by(User.id)
    try:
        with transaction() as session:
            for user in session.scalars(active):
                send_password_reset(session, user)
    except SQLAlchemyError as failure:
        log.warning("password_link_not_sent", error=type(failure).__name__)


def set_password_by_link(session: Session, token: str, password: str) -> None:
    """Set the password of the link's user. All links of the user become invalid.

    Raises LinkIsNoGood, and Invalid for a weak password (the link stays valid).
    """
    user = _user_of_link(session, parse_token(token))
    require_strong_password(password, email=user.email)
    _set(session, user, password)


def change_password(session: Session, actor: Actor, *, current: str, new: str) -> None:
    """Change the actor's own password. Raises Forbidden (API key), Invalid (wrong or weak password)."""
    if actor.user_id is None:
        raise Forbidden("An API key has no password.")
    user = session.scalars(select(User).where(User.id == actor.user_id).with_for_update(key_share=True)).one()
    if not verify_password(current, user.password_hash):
        raise Invalid.at("/current_password", "This is not your password.")
    require_strong_password(new, email=user.email, pointer="/new_password")
    _set(session, user, new)


def check_new_password(session: Session, actor: Actor, data: JsonObject, /, **_: object) -> None:
    """Check the strength of the new password only: every attempt at the current one counts. Raises Invalid."""
    require_strong_password(data["new_password"], email=email_of(session, actor), pointer="/new_password")


def email_of(session: Session, actor: Actor) -> str:
    """Return the e-mail address of the actor; empty for an API key."""
    return session.scalar(select(User.email).where(User.id == actor.user_id)) or ""


def _user_of_link(session: Session, link_id: UUID) -> User:
    """Return the user of a valid link, locked, so that a concurrent use of the link fails."""
    good = (
        select(User)
        .join(PasswordLink, PasswordLink.user_id == User.id)
        .where(PasswordLink.id == link_id, PasswordLink.used_at.is_(None), PasswordLink.expires_at > now())
        .where(User.is_active)
        .with_for_update(of=(User, PasswordLink), key_share=True)
    )
    user = session.scalars(good).one_or_none()
    if user is None:
        raise LinkIsNoGood
    return user


def _set(session: Session, user: User, password: str) -> None:
    at = now()
    user.password_hash = hash_for(session, user.email, password)
    user.updated_at = at
    user.version += 1
    end_links(session, user.id, at=at)
    sign_out_everywhere(session, user.id)

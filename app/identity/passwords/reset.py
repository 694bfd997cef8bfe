"""Choosing a password: by a link, or with the one before. Every sign-in of before ends with it."""

from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.clock import now
from app.errors import Forbidden, Invalid
from app.identity.account_emails import send_password_reset, write_decoy
from app.identity.actor import Actor
from app.identity.models import PasswordLink, User
from app.identity.passwords.links import LinkIsNoGood, read_token
from app.identity.passwords.policy import hash_password, is_right, refuse_weak
from app.identity.sign_in.sessions import sign_out_everywhere


def ask_for_link(session: Session, email: str) -> None:
    """Send a link to whoever has this address; nobody learns whether somebody has."""
    user = session.scalars(select(User).where(func.lower(User.email) == email.lower(), User.is_active)).one_or_none()
    if user is None:
        write_decoy(session)
    else:
        send_password_reset(session, user)


def choose_by_link(session: Session, token: str, password: str) -> None:
    """Give the link's person this password. It works once, and with it go all other links of theirs.

    Raises LinkIsNoGood, Invalid (a weak password; the link is still good then).
    """
    user = _whose(session, read_token(token))
    refuse_weak(password, email=user.email)
    _set(session, user, password)


def change_own(session: Session, actor: Actor, *, current: str, new: str) -> None:
    """Replace the password, by somebody who knows it. Raises Forbidden (a program), Invalid."""
    if actor.user_id is None:
        raise Forbidden("A key has no password.")
    user = session.scalars(select(User).where(User.id == actor.user_id).with_for_update(key_share=True)).one()
    if not is_right(current, user.password_hash):
        raise Invalid.at("/current_password", "This is not your password.")
    refuse_weak(new, email=user.email, pointer="/new_password")
    _set(session, user, new)


def email_of(session: Session, actor: Actor) -> str:
    """The address that the actor signs in with; nothing for a program."""
    return session.scalar(select(User.email).where(User.id == actor.user_id)) or ""


def _whose(session: Session, link_id: UUID) -> User:
    """Who may choose a password by it; locked, so that of two who use it at once one is the second."""
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
    user.password_hash = hash_password(password)
    user.updated_at = at
    user.version += 1
    unused = (PasswordLink.user_id == user.id, PasswordLink.used_at.is_(None))
    session.execute(update(PasswordLink).where(*unused).values(used_at=at))
    sign_out_everywhere(session, user.id)

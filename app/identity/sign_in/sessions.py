"""Signing in and out. Each login is a row; revoking it ends every token that grew from it, at the next call."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.clock import now
from app.config import get_settings
from app.core.db import new_id
from app.errors import Unauthenticated
from app.identity.models import SignIn, User
from app.identity.passwords.policy import is_right
from app.identity.sign_in import tokens

log = structlog.get_logger()


class WrongCredentials(Unauthenticated):
    """E-mail or password is wrong."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a person calls with. `expires_in` is the access token's life in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int


def sign_in(session: Session, *, email: str, password: str) -> Tokens:
    """Begin a sign-in. Raises WrongCredentials, alike and after the same time for whatever was wrong."""
    user = session.scalars(select(User).where(func.lower(User.email) == email.lower())).one_or_none()
    if not is_right(password, user.password_hash if user else None) or user is None or not user.is_active:
        raise WrongCredentials
    at = now()
    began = SignIn(
        id=new_id(),
        user_id=user.id,
        refresh_id=new_id(),
        created_at=at,
        expires_at=at + timedelta(days=get_settings().refresh_token_days),
    )
    session.add(began)
    user.last_login_at = at
    return _tokens_for(began)


def refresh(session: Session, token: str) -> Tokens | None:
    """New tokens for a refresh token, which is used up by it. Raises Unauthenticated.

    None when it was used before: then somebody else has a copy, and the whole sign-in is revoked, which the
    caller must commit.
    """
    claims = tokens.read_refresh(token)
    begun = _lock(session, claims.sign_in_id, claims.user_id)
    if begun.refresh_id != claims.token_id:
        log.warning("refresh_token_reused", user_id=begun.user_id, sign_in_id=begun.id)
        begun.revoked_at = now()
        return None
    begun.refresh_id = new_id()
    return _tokens_for(begun)


def sign_out(session: Session, sign_in_id: UUID) -> None:
    """End one sign-in: its access token and its refresh token are worth nothing from the next call on."""
    session.execute(update(SignIn).where(SignIn.id == sign_in_id).values(revoked_at=now()))


def sign_out_everywhere(session: Session, user_id: UUID) -> None:
    """End all sign-ins of a user: after a changed password, say."""
    still_good = (SignIn.user_id == user_id, SignIn.revoked_at.is_(None))
    session.execute(update(SignIn).where(*still_good).values(revoked_at=now()))


def _lock(session: Session, sign_in_id: UUID, user_id: UUID) -> SignIn:
    """The live sign-in, locked, so that of two refreshes at once one is the second."""
    live = (
        select(SignIn)
        .join(User, User.id == SignIn.user_id)
        .where(
            SignIn.id == sign_in_id,
            SignIn.user_id == user_id,
            SignIn.revoked_at.is_(None),
            SignIn.expires_at > now(),
            User.is_active,
        )
        .with_for_update(of=SignIn)
    )
    begun = session.scalars(live).one_or_none()
    if begun is None:
        raise Unauthenticated
    return begun


def _tokens_for(begun: SignIn) -> Tokens:
    return Tokens(
        access_token=tokens.write_access(begun.user_id, begun.id, new_id()),
        refresh_token=tokens.write_refresh(begun.user_id, begun.id, begun.refresh_id, expires_at=begun.expires_at),
        expires_in=get_settings().access_token_minutes * 60,
    )

"""Sign-in, token refresh and sign-out. Each login is a row; revoking it invalidates all its tokens at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.clock import now
from app.config import get_settings
from app.core.db import new_id
from app.core.live_events.changes import close_streams
from app.core.type_aliases import JsonObject
from app.errors import Conflict, Unauthenticated
from app.identity.models import Clinic, SignIn, User
from app.identity.password_policy import matching_hashes
from app.identity.roles import grants_of
from app.identity.sign_in import tokens
from app.identity.sign_in.idle_timeout import is_idle

log = structlog.get_logger()


class WrongCredentials(Unauthenticated):
    """E-mail address or password is wrong."""


class SeveralClinics(Conflict):
    """You have accounts with this password in several clinics. Choose one."""

    def __init__(self, clinics: Sequence[Clinic]) -> None:
        super().__init__()
        self._clinics = clinics

    def members(self) -> JsonObject:
        """Return the clinics, by name. The caller knows the password of an account in each."""
        return {"clinics": [{"slug": clinic.slug, "name": clinic.name} for clinic in self._clinics]}


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of a signed-in user. `expires_in` is the lifetime of the access token in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int


class Client(NamedTuple):
    """The program that signs in: its IP address, and its header User-Agent or None."""

    address: str | None = None
    program: str | None = None


UNKNOWN: Final = Client()


def sign_in(
    session: Session, *, email: str, password: str, clinic: str | None = None, client: Client = UNKNOWN
) -> Tokens:
    """Sign in a user. An address may have an account in each of several clinics, each with its own password.

    The password chooses the account, and `clinic` (a slug) does if several accounts have the same one. Raises
    SeveralClinics, and WrongCredentials, after the same time whatever was wrong.
    """
    user = _account(session, email, password, clinic)
    at = now()
    created = SignIn(
        id=new_id(),
        user_id=user.id,
        refresh_id=new_id(),
        created_at=at,
        expires_at=at + timedelta(days=get_settings().refresh_token_days),
        last_used_at=at,
    )
    created.address, created.client = client
    session.add(created)
    user.last_login_at = at
    return _tokens_for(created)


def _account(session: Session, email: str, password: str, clinic: str | None) -> User:
    """Return the active user with this address and password. Raises WrongCredentials, SeveralClinics."""
    of_address = (
        select(User, Clinic)
        .join(Clinic, Clinic.id == User.clinic_id)
        .where(func.lower(User.email) == email.lower(), User.is_active, User.password_hash.is_not(None))
    )
    accounts = session.execute(of_address.order_by(Clinic.name, Clinic.id)).all()
    matching = matching_hashes(password, [user.password_hash or "" for user, _ in accounts])
    found = [(user, of) for user, of in accounts if user.password_hash in matching and clinic in {None, of.slug}]
    if not found:
        raise WrongCredentials
    if len(found) > 1:
        raise SeveralClinics([of for _, of in found])
    user: User = found[0][0]
    return user


def refresh(session: Session, token: str, *, grace: timedelta = timedelta()) -> Tokens | None:
    """Exchange a refresh token, which is valid once, for new tokens. Raises Unauthenticated.

    Returns None if the token was used before, which means it was copied, or if the user was idle for too long. The
    sign-in is then revoked; the caller must commit that. Within `grace` the token before the valid one gets the valid
    one again: a page that was loaded again during a refresh never saw it.
    """
    claims = tokens.read_refresh(token)
    begun = _lock(session, claims.sign_in_id, claims.user_id)
    user = session.get_one(User, begun.user_id)
    if is_idle(begun.last_used_at, grants_of(session, user.clinic_id, user.role)):
        sign_out(session, begun.id)
        return None
    if _was_replaced_within(begun, claims.token_id, grace):
        return _tokens_for(begun)
    if begun.refresh_id != claims.token_id:
        log.warning("refresh_token_reused", user_id=begun.user_id, sign_in_id=begun.id)
        sign_out(session, begun.id)
        return None
    begun.former_refresh_id, begun.refresh_id, begun.refreshed_at = begun.refresh_id, new_id(), now()
    return _tokens_for(begun)


def _was_replaced_within(begun: SignIn, token_id: UUID, grace: timedelta) -> bool:
    return begun.former_refresh_id == token_id and begun.refreshed_at is not None and now() < begun.refreshed_at + grace


def extend_access(session: Session, sign_in_id: UUID, until: datetime) -> None:
    """Grant this sign-in the emergency access until that time. Its live updates are opened again with it."""
    session.execute(update(SignIn).where(SignIn.id == sign_in_id).values(emergency_until=until))
    close_streams(session, sign_in_id=sign_in_id)


def sign_out(session: Session, sign_in_id: UUID) -> None:
    """Revoke one sign-in: its access and refresh token are invalid from the next call on."""
    session.execute(update(SignIn).where(SignIn.id == sign_in_id).values(revoked_at=now()))
    close_streams(session, sign_in_id=sign_in_id)


def sign_out_everywhere(session: Session, user_id: UUID) -> None:
    """Revoke all sign-ins of a user, for example after a password change."""
    still_good = (SignIn.user_id == user_id, SignIn.revoked_at.is_(None))
    session.execute(update(SignIn).where(*still_good).values(revoked_at=now()))
    close_streams(session, user_id=user_id)


def sign_out_elsewhere(session: Session, user_id: UUID, kept: UUID) -> Sequence[UUID]:
    """Revoke all sign-ins of a user except `kept`. Returns their ids."""
    others = (SignIn.user_id == user_id, SignIn.id != kept, SignIn.revoked_at.is_(None), SignIn.expires_at > now())
    ended = session.scalars(update(SignIn).where(*others).values(revoked_at=now()).returning(SignIn.id)).all()
    for sign_in_id in ended:
        close_streams(session, sign_in_id=sign_in_id)
    return ended


def _lock(session: Session, sign_in_id: UUID, user_id: UUID) -> SignIn:
    """Return the active sign-in, locked, so that concurrent refreshes run one after the other."""
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

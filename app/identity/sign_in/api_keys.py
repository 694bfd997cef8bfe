"""API keys: list, create and revoke."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import new_id
from app.core.live_events.changes import close_streams
from app.core.pagination import Page, page
from app.core.type_aliases import JsonObject
from app.core.validation.check_all import check_all
from app.errors import FieldError, Forbidden, Invalid, NotFound
from app.identity.actor import Actor
from app.identity.models import ApiKey, User
from app.identity.permissions import Grants, Permission, Scope, covers
from app.identity.roles import grants_of
from app.identity.sign_in import api_key_format


def list_api_keys(session: Session, clinic_id: UUID, query: JsonObject) -> Page:
    """Return a page of the clinic's keys without revoked ones, newest first."""
    alive = select(ApiKey).where(ApiKey.clinic_id == clinic_id, ApiKey.revoked_at.is_(None))
    return page(session, alive, [(ApiKey.id, "desc")], query)


def create_api_key(
    session: Session, actor: Actor, *, name: str, scopes: list[Permission], expires_at: datetime | None
) -> tuple[ApiKey, str]:
    """Create an API key. Returns the row and the full key, which is not stored. Raises Forbidden, Invalid."""
    if actor.user_id is None:
        raise Forbidden("An API key cannot create API keys.")
    check_api_key(session, actor, {"scopes": scopes, "expires_at": expires_at})
    made = api_key_format.generate()
    key = ApiKey(
        id=new_id(),
        clinic_id=actor.clinic.id,
        name=name,
        prefix=made.prefix,
        secret_hash=made.secret_hash,
        scopes=[scope.value for scope in dict.fromkeys(scopes)],
        created_by=actor.user_id,
        created_at=now(),
        expires_at=expires_at,
        last_used_at=None,
    )
    session.add(key)
    session.flush()
    return key, made.full


def check_api_key(_: Session, actor: Actor, data: JsonObject, /, **__: object) -> None:
    """Check the scopes against the actor's permissions, and the end. Raises Invalid with every error."""
    check_all(lambda: _require_held(actor, data["scopes"]), lambda: _require_future(data.get("expires_at")))


def _require_future(expires_at: datetime | None) -> None:
    if expires_at is not None and expires_at <= now():
        raise Invalid.at("/expires_at", "Must be in the future.")


def revoke_api_key(session: Session, actor: Actor, key_id: UUID) -> None:
    """Revoke a key with effect from the next call.

    Raises NotFound, and Forbidden if the creator of the key has permissions that the actor lacks.
    """
    of_clinic = (ApiKey.id == key_id, ApiKey.clinic_id == actor.clinic.id)
    alive = select(ApiKey).where(*of_clinic, ApiKey.revoked_at.is_(None))
    key = session.scalars(alive.with_for_update()).one_or_none()
    if key is None:
        raise NotFound
    if not covers(actor.permissions, _grants_behind(session, key)):
        raise Forbidden("The creator of this key has permissions that you do not have.")
    key.revoked_at = now()
    close_streams(session, api_key_id=key.id)


def _grants_behind(session: Session, key: ApiKey) -> Grants:
    """Return the grants of the key's creator; for a key of the command line, the scopes of the key."""
    role = session.scalar(select(User.role).where(User.id == key.created_by))
    if role is None:
        return {Permission(scope): Scope.ALL for scope in key.scopes if scope in set(Permission)}
    return grants_of(session, key.clinic_id, role)


def _require_held(actor: Actor, scopes: list[Permission]) -> None:
    beyond = [
        FieldError(f"/scopes/{i}", "You do not hold this permission yourself.")
        for i, scope in enumerate(scopes)
        if not actor.allows(scope)
    ]
    if beyond:
        raise Invalid(*beyond)

"""API keys: list, create and revoke."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import new_id
from app.core.pagination import Page, page
from app.core.type_aliases import JsonObject
from app.errors import FieldError, Forbidden, Invalid, NotFound
from app.identity.actor import Actor
from app.identity.models import ApiKey
from app.identity.permissions import Permission
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
    _require_held(actor, scopes)
    if expires_at is not None and expires_at <= now():
        raise Invalid.at("/expires_at", "Must be in the future.")
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


def revoke_api_key(session: Session, clinic_id: UUID, key_id: UUID) -> None:
    """Revoke a key with effect from the next call. Raises NotFound."""
    alive = select(ApiKey).where(ApiKey.id == key_id, ApiKey.clinic_id == clinic_id, ApiKey.revoked_at.is_(None))
    key = session.scalars(alive.with_for_update()).one_or_none()
    if key is None:
        raise NotFound
    key.revoked_at = now()


def _require_held(actor: Actor, scopes: list[Permission]) -> None:
    beyond = [
        FieldError(f"/scopes/{i}", "You do not hold this permission yourself.")
        for i, scope in enumerate(scopes)
        if not actor.allows(scope)
    ]
    if beyond:
        raise Invalid(*beyond)

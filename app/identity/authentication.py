"""Credentials in, actor out: one query, so that a logout or a changed role counts from the next call on."""

from typing import Any, Final
from uuid import UUID

import psycopg
from sqlalchemy.orm import Session

from app.clock import now
from app.errors import Unauthenticated
from app.identity import keys, tokens
from app.identity.actor import Actor
from app.identity.clinics import load_context
from app.identity.models import Role
from app.identity.permissions import ROLE_PERMISSIONS, Permission

_BEARER: Final = "Bearer "

# The id of a sign-in, a user or a key finds one row each: three look-ups by primary key, or by the unique prefix.
_SIGNED_IN: Final = """
SELECT users.name, users.role, users.clinic_id, clinics.rules_version
FROM sign_ins
JOIN users ON users.id = sign_ins.user_id
JOIN clinics ON clinics.id = users.clinic_id
WHERE sign_ins.id = %s AND sign_ins.user_id = %s AND sign_ins.revoked_at IS NULL AND sign_ins.expires_at > %s
  AND users.is_active
"""

_WITH_KEY: Final = """
SELECT api_keys.id, api_keys.name, api_keys.secret_hash, api_keys.scopes, api_keys.last_used_at,
  api_keys.created_by, users.role, users.is_active, api_keys.clinic_id, clinics.rules_version
FROM api_keys
JOIN clinics ON clinics.id = api_keys.clinic_id
LEFT JOIN users ON users.id = api_keys.created_by
WHERE api_keys.prefix = %s AND api_keys.revoked_at IS NULL
  AND (api_keys.expires_at IS NULL OR api_keys.expires_at > %s)
"""


def authenticate(session: Session, header: str) -> Actor:
    """The actor behind an `Authorization` header. Raises Unauthenticated, which never says why."""
    if not header.startswith(_BEARER):
        raise Unauthenticated
    credentials = header.removeprefix(_BEARER)
    if credentials.startswith(keys.MARK):
        return _program(session, credentials)
    return _person(session, credentials)


def _person(session: Session, token: str) -> Actor:
    claims = tokens.read_access(token)
    known = _find(session, _SIGNED_IN, (claims.sign_in_id, claims.user_id, now()))
    if known is None:
        raise Unauthenticated
    name, role, clinic_id, rules_version = known
    return Actor(
        load_context(session, clinic_id, rules_version),
        claims.user_id,
        name,
        Role(role),
        permissions=ROLE_PERMISSIONS[Role(role)],
        sign_in_id=claims.sign_in_id,
    )


def _program(session: Session, credentials: str) -> Actor:
    prefix, secret = keys.split(credentials)
    at = now()
    known = _find(session, _WITH_KEY, (prefix, at))
    if known is None:
        raise Unauthenticated
    key_id, name, secret_hash, scopes, last_used_at, *maker, clinic_id, rules_version = known
    if not keys.matches(secret, secret_hash):
        raise Unauthenticated
    permissions = _scope_of(scopes, *maker)
    if last_used_at is None or last_used_at < at - keys.USE_IS_NOTED_EVERY:
        keys.used.add(key_id)
    return Actor(
        load_context(session, clinic_id, rules_version),
        None,
        name,
        None,
        permissions=permissions,
        api_key_id=key_id,
    )


def _find(session: Session, query: str, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Past SQLAlchemy, in the session's transaction: it runs with every call, at a third of the cost."""
    driver: psycopg.Connection = session.connection().connection.driver_connection  # type: ignore[assignment]
    return driver.execute(query, values).fetchone()


def _scope_of(scopes: list[str], maker: UUID | None, role: str, is_active: bool) -> frozenset[Permission]:
    """What the key was given, as far as its maker still may do it. Raises Unauthenticated when they are gone."""
    given = frozenset(map(Permission, scopes))
    if maker is None:  # made by an operator, on the machine itself
        return given
    if not is_active:
        raise Unauthenticated
    return given & ROLE_PERMISSIONS[Role(role)]

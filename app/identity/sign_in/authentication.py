"""Credentials in, actor out: one query, so that a logout or a changed role counts from the next call on."""

from typing import Any, Final

import psycopg
from sqlalchemy.orm import Session

from app.clock import now
from app.core.row_security import belongs_to, stepping_down
from app.errors import Unauthenticated
from app.identity.actor import Actor
from app.identity.clinics import load_context
from app.identity.permissions import ALL_PERMISSIONS, Grants, Permission
from app.identity.sign_in import api_key_format, tokens
from app.identity.users.roles import grants_of

_BEARER: Final = "Bearer "

# The id of a sign-in, a user or a key finds one row each: three look-ups by primary key, or by the unique prefix.
_SIGNED_IN: Final = f"""
SELECT users.name, users.role, users.team_id, users.clinic_id, clinics.rules_version,
  {stepping_down("users.clinic_id")}
FROM sign_ins
JOIN users ON users.id = sign_ins.user_id
JOIN clinics ON clinics.id = users.clinic_id
WHERE sign_ins.id = %s AND sign_ins.user_id = %s AND sign_ins.revoked_at IS NULL AND sign_ins.expires_at > %s
  AND users.is_active
"""  # noqa: S608  (the names are ours)

_WITH_KEY: Final = f"""
SELECT api_keys.id, api_keys.name, api_keys.secret_hash, api_keys.scopes, api_keys.last_used_at,
  api_keys.created_by, users.role, users.is_active, users.team_id, api_keys.clinic_id, clinics.rules_version,
  {stepping_down("api_keys.clinic_id")}
FROM api_keys
JOIN clinics ON clinics.id = api_keys.clinic_id
LEFT JOIN users ON users.id = api_keys.created_by
WHERE api_keys.prefix = %s AND api_keys.revoked_at IS NULL
  AND (api_keys.expires_at IS NULL OR api_keys.expires_at > %s)
"""  # noqa: S608  (as above)


def authenticate(session: Session, header: str) -> Actor:
    """The actor behind an `Authorization` header; the session is their clinic's from now on.

    Raises Unauthenticated, which never says why.
    """
    if not header.startswith(_BEARER):
        raise Unauthenticated
    credentials = header.removeprefix(_BEARER)
    if credentials.startswith(api_key_format.MARK):
        return _program(session, credentials)
    return _person(session, credentials)


def _person(session: Session, token: str) -> Actor:
    claims = tokens.read_access(token)
    known = _find(session, _SIGNED_IN, (claims.sign_in_id, claims.user_id, now()))
    if known is None:
        raise Unauthenticated
    name, role, team_id, clinic_id, rules_version, *_ = known
    belongs_to(session, clinic_id)
    return Actor(
        load_context(session, clinic_id, rules_version),
        claims.user_id,
        name,
        role,
        permissions=grants_of(session, clinic_id, role),
        sign_in_id=claims.sign_in_id,
        team_id=team_id,
    )


def _program(session: Session, credentials: str) -> Actor:
    prefix, secret = api_key_format.split(credentials)
    at = now()
    known = _find(session, _WITH_KEY, (prefix, at))
    if known is None:
        raise Unauthenticated
    key_id, name, secret_hash, scopes, last_used_at, maker_id, role, is_active, team_id, clinic_id, version, *_ = known
    belongs_to(session, clinic_id)
    if not api_key_format.matches(secret, secret_hash) or (maker_id and not is_active):
        raise Unauthenticated
    held = grants_of(session, clinic_id, role) if maker_id else ALL_PERMISSIONS  # made on the machine itself
    if last_used_at is None or last_used_at < at - api_key_format.USE_IS_NOTED_EVERY:
        api_key_format.used.add(key_id)
    return Actor(
        load_context(session, clinic_id, version),
        None,
        name,
        None,
        permissions=_common(held, scopes),
        api_key_id=key_id,
        team_id=team_id,
        maker_id=maker_id,
    )


def _find(session: Session, query: str, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Past SQLAlchemy, in the session's transaction: it runs with every call, at a third of the cost."""
    driver: psycopg.Connection = session.connection().connection.driver_connection  # type: ignore[assignment]
    return driver.execute(query, values).fetchone()


def _common(held: Grants, scopes: list[str]) -> Grants:
    """What the key was given, as far as its maker still may do it."""
    return {one: held[one] for one in map(Permission, scopes) if one in held}

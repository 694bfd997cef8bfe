"""Authentication of API calls. One query per call, so that a sign-out or a new role takes effect immediately."""

from typing import Any, Final

import psycopg
from sqlalchemy.orm import Session

from app.clock import now
from app.core.database.row_security import remember_clinic, restrict_to_clinic_columns
from app.errors import Unauthenticated
from app.identity.actor import Actor
from app.identity.clinics import load_context
from app.identity.permissions import ALL_PERMISSIONS, EMERGENCY_GRANTS, Grants, Permission
from app.identity.roles import grants_of
from app.identity.sign_in import api_key_format, tokens
from app.identity.sign_in.idle_timeout import is_idle, note_use

_BEARER: Final = "Bearer "

# Each join reads one row by primary key, or by the unique key prefix.
_SIGNED_IN: Final = f"""
SELECT users.name, users.role, users.team_id, users.clinic_id, clinics.rules_version,
  sign_ins.last_used_at, sign_ins.emergency_until,
  {restrict_to_clinic_columns("users.clinic_id")}
FROM sign_ins
JOIN users ON users.id = sign_ins.user_id
JOIN clinics ON clinics.id = users.clinic_id
WHERE sign_ins.id = %s AND sign_ins.user_id = %s AND sign_ins.revoked_at IS NULL AND sign_ins.expires_at > %s
  AND users.is_active
"""  # noqa: S608  (names come from the code)

_WITH_KEY: Final = f"""
SELECT api_keys.id, api_keys.name, api_keys.secret_hash, api_keys.scopes, api_keys.last_used_at,
  api_keys.expires_at, api_keys.created_by, users.role, users.is_active, users.team_id, api_keys.clinic_id,
  clinics.rules_version,
  {restrict_to_clinic_columns("api_keys.clinic_id")}
FROM api_keys
JOIN clinics ON clinics.id = api_keys.clinic_id
LEFT JOIN users ON users.id = api_keys.created_by
WHERE api_keys.prefix = %s AND api_keys.revoked_at IS NULL
  AND (api_keys.expires_at IS NULL OR api_keys.expires_at > %s)
"""  # noqa: S608  (as above)


def authenticate(session: Session, header: str) -> Actor:
    """Return the actor of an `Authorization` header, and restrict the session to the actor's clinic.

    Raises Unauthenticated, without a reason, so that callers learn nothing about accounts.
    """
    if not header.startswith(_BEARER):
        raise Unauthenticated
    credentials = header.removeprefix(_BEARER)
    if credentials.startswith(api_key_format.KEY_PREFIX):
        return _api_key_actor(session, credentials)
    return _user_actor(session, credentials)


def _user_actor(session: Session, token: str) -> Actor:
    claims = tokens.read_access(token)
    row = _find(session, _SIGNED_IN, (claims.sign_in_id, claims.user_id, now()))
    if row is None:
        raise Unauthenticated
    name, role, team_id, clinic_id, rules_version, last_used_at, emergency_until, *_ = row
    remember_clinic(session, clinic_id)
    is_emergency = emergency_until is not None and now() < emergency_until
    grants = grants_of(session, clinic_id, role)
    if is_emergency:
        grants = {**grants, **EMERGENCY_GRANTS}
    if is_idle(last_used_at, grants):
        raise Unauthenticated
    note_use(claims.sign_in_id, last_used_at)
    return Actor(
        load_context(session, clinic_id, rules_version),
        claims.user_id,
        name,
        role,
        permissions=grants,
        sign_in_id=claims.sign_in_id,
        team_id=team_id,
        access_until=emergency_until if is_emergency else None,
    )


def _api_key_actor(session: Session, credentials: str) -> Actor:
    prefix, secret = api_key_format.parse(credentials)
    at = now()
    row = _find(session, _WITH_KEY, (prefix, at))
    if row is None:
        raise Unauthenticated
    key_id, name, secret_hash, scopes, last_used_at, expires_at, maker_id, role, is_active, team_id, *rest = row
    clinic_id, version, *_ = rest
    remember_clinic(session, clinic_id)
    if not api_key_format.matches(secret, secret_hash) or (maker_id and not is_active):
        raise Unauthenticated
    held = grants_of(session, clinic_id, role) if maker_id else ALL_PERMISSIONS  # created with the CLI
    if last_used_at is None or last_used_at < at - api_key_format.LAST_USED_RESOLUTION:
        api_key_format.recently_used.add(key_id)
    return Actor(
        load_context(session, clinic_id, version),
        None,
        name,
        None,
        permissions=_scopes_held(held, scopes),
        api_key_id=key_id,
        team_id=team_id,
        maker_id=maker_id,
        access_until=expires_at,
    )


def _find(session: Session, query: str, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Run the query on the driver connection: a third of the cost of SQLAlchemy, and every call needs it."""
    driver: psycopg.Connection = session.connection().connection.driver_connection  # type: ignore[assignment]
    return driver.execute(query, values).fetchone()


def _scopes_held(held: Grants, scopes: list[str]) -> Grants:
    """Return the scopes of the key that its creator still holds."""
    return {one: held[one] for one in map(Permission, scopes) if one in held}

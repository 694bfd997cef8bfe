"""Tokens of people who signed in: a short access token, and a refresh token that is good for one use.

One algorithm, one key for each purpose, one exact header: a token that names another is not looked at.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any, Final
from uuid import UUID

import jwt

from app.clock import now
from app.config import get_settings
from app.core.key_derivation import key_for
from app.errors import Unauthenticated

ALGORITHM: Final = "HS256"
ISSUER: Final = "relance"
AUDIENCE: Final = "relance-api"
ACCESS: Final = "at+jwt"  # RFC 9068
REFRESH: Final = "rt+jwt"
CLOCK_SKEW: Final = 5  # seconds another host's clock may be behind

_LONGEST: Final = 2000
_CLAIMS: Final = ["iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp"]
_TIMES_ARE_CHECKED_HERE: Final[Any] = {
    "require": _CLAIMS,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "strict_aud": True,
}


@dataclass(frozen=True, slots=True)
class Claims:
    """What a good token says."""

    user_id: UUID
    sign_in_id: UUID
    token_id: UUID
    not_before: int
    expires_at: int


def write_access(user_id: UUID, sign_in_id: UUID, token_id: UUID) -> str:
    """A token for calls, good for minutes."""
    expires_at = now() + timedelta(minutes=get_settings().access_token_minutes)
    return _write(ACCESS, Claims(user_id, sign_in_id, token_id, *_seconds(now(), expires_at)))


def write_refresh(user_id: UUID, sign_in_id: UUID, token_id: UUID, *, expires_at: datetime) -> str:
    """A token for one refresh; it ends with the sign-in."""
    return _write(REFRESH, Claims(user_id, sign_in_id, token_id, *_seconds(now(), expires_at)))


def read_access(token: str) -> Claims:
    """Raises Unauthenticated."""
    return _good_now(_read_access(token))


def read_refresh(token: str) -> Claims:
    """Raises Unauthenticated."""
    return _good_now(_read(REFRESH, token))


def _good_now(claims: Claims) -> Claims:
    at = now().timestamp()
    if not claims.not_before - CLOCK_SKEW <= at < claims.expires_at:
        raise Unauthenticated
    return claims


def _write(kind: str, claims: Claims) -> str:
    payload = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(claims.user_id),
        "sid": str(claims.sign_in_id),
        "jti": str(claims.token_id),
        "iat": claims.not_before,
        "nbf": claims.not_before,
        "exp": claims.expires_at,
    }
    return jwt.encode(payload, key_for(kind), ALGORITHM, headers={"typ": kind})


def _read(kind: str, token: str) -> Claims:
    if len(token) > _LONGEST:
        raise Unauthenticated
    try:
        found = jwt.decode_complete(
            token,
            key_for(kind),
            [ALGORITHM],
            audience=AUDIENCE,
            issuer=ISSUER,
            options=_TIMES_ARE_CHECKED_HERE,
        )
        claims = _claims(found["payload"])
    except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError):
        raise Unauthenticated from None
    if found["header"] != {
        "alg": ALGORITHM,
        "typ": kind,
    }:  # no kid, jku, jwk, x5u: there is nothing to choose
        raise Unauthenticated
    return claims


# The same token comes with every call for minutes: its signature is checked once, its times at each call.
_read_access = lru_cache(maxsize=2048)(partial(_read, ACCESS))


def _claims(payload: dict[str, Any]) -> Claims:
    not_before, expires_at = payload["nbf"], payload["exp"]
    if not (isinstance(not_before, int) and isinstance(expires_at, int)):
        raise Unauthenticated
    return Claims(UUID(payload["sub"]), UUID(payload["sid"]), UUID(payload["jti"]), not_before, expires_at)


def _seconds(*instants: datetime) -> tuple[int, ...]:
    return tuple(int(instant.timestamp()) for instant in instants)

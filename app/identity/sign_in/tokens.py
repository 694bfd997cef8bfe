"""Tokens of signed-in users (JWT): a short-lived access token and a single-use refresh token.

There is one algorithm, one key per token type and one exact header. Tokens with any other header are refused.
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
from app.core.type_aliases import JsonDict
from app.errors import Unauthenticated

ALGORITHM: Final = "HS256"
ISSUER: Final = "relance"
AUDIENCE: Final = "relance-api"
ACCESS: Final = "at+jwt"  # RFC 9068
REFRESH: Final = "rt+jwt"
CLOCK_SKEW: Final = 5  # seconds; tolerance for clocks of other hosts

_LONGEST: Final = 2000
_CLAIMS: Final = ["iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp"]
_DECODE_OPTIONS: Final[Any] = {
    "require": _CLAIMS,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "strict_aud": True,
}


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a valid token. Times are Unix seconds."""

    user_id: UUID
    sign_in_id: UUID
    token_id: UUID
    not_before: int
    expires_at: int


def write_access(user_id: UUID, sign_in_id: UUID, token_id: UUID) -> str:
    """Return an access token, valid for ACCESS_TOKEN_MINUTES."""
    expires_at = now() + timedelta(minutes=get_settings().access_token_minutes)
    return _write(ACCESS, Claims(user_id, sign_in_id, token_id, *_seconds(now(), expires_at)))


def write_refresh(user_id: UUID, sign_in_id: UUID, token_id: UUID, *, expires_at: datetime) -> str:
    """Return a refresh token, valid for one refresh and until the sign-in expires."""
    return _write(REFRESH, Claims(user_id, sign_in_id, token_id, *_seconds(now(), expires_at)))


def read_access(token: str) -> Claims:
    """Return the claims of a valid access token. Raises Unauthenticated."""
    return _require_current(_read_access(token))


def read_refresh(token: str) -> Claims:
    """Return the claims of a valid refresh token. Raises Unauthenticated."""
    return _require_current(_read(REFRESH, token))


def _require_current(claims: Claims) -> Claims:
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
            options=_DECODE_OPTIONS,  # `_require_current` checks the times
        )
        claims = _claims(found["payload"])
    except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError):
        raise Unauthenticated from None
    if found["header"] != {
        "alg": ALGORITHM,
        "typ": kind,
    }:  # no kid, jku, jwk or x5u: the sender cannot choose a key
        raise Unauthenticated
    return claims


# The same token comes with every call for minutes. Its signature is verified once, its times at each call.
_read_access = lru_cache(maxsize=2048)(partial(_read, ACCESS))


def _claims(payload: JsonDict) -> Claims:
    not_before, expires_at = payload["nbf"], payload["exp"]
    if not (isinstance(not_before, int) and isinstance(expires_at, int)):
        raise Unauthenticated
    return Claims(UUID(payload["sub"]), UUID(payload["sid"]), UUID(payload["jti"]), not_before, expires_at)


def _seconds(*instants: datetime) -> tuple[int, ...]:
    return tuple(int(instant.timestamp()) for instant in instants)

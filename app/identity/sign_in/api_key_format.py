"""Format of API keys: `rk_<prefix>_<secret>`. The prefix finds the key; only a hash of the secret is stored.

The secret is 256 random bits, so one round of SHA-256 is enough: dictionary attacks are not possible.
"""

import hashlib
import hmac
import re
import secrets
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import or_, update
from sqlalchemy.exc import SQLAlchemyError

from app.clock import now
from app.core.db import transaction
from app.errors import Unauthenticated
from app.identity.models import ApiKey

KEY_PREFIX: Final = "rk_"
LAST_USED_RESOLUTION: Final = timedelta(minutes=1)

_FORM = re.compile(r"(rk_[0-9a-f]{10})_([A-Za-z0-9_-]{43})", re.ASCII)

log = structlog.get_logger()


class NewKey(NamedTuple):
    """A new API key. `full` is shown once and not stored."""

    full: str
    prefix: str
    secret_hash: str


def generate() -> NewKey:
    """Generate a new API key."""
    prefix, secret = f"{KEY_PREFIX}{secrets.token_hex(5)}", secrets.token_urlsafe(32)
    return NewKey(f"{prefix}_{secret}", prefix, _hash(secret))


def parse(credentials: str) -> tuple[str, str]:
    """Split an API key into prefix and secret. Raises Unauthenticated."""
    form = _FORM.fullmatch(credentials)
    if form is None:
        raise Unauthenticated
    return form[1], form[2]


def matches(secret: str, secret_hash: str) -> bool:
    """Whether the secret matches the hash, compared in constant time."""
    return hmac.compare_digest(_hash(secret), secret_hash)


# Ids of keys whose `last_used_at` is outdated: added during authentication, saved after the response.
recently_used: Final[set[UUID]] = set()


def save_last_used() -> None:
    """Save `last_used_at`, at most once a minute per key, after the response and in its own transaction."""
    ids = [recently_used.pop() for _ in range(len(recently_used))]
    at = now()
    outdated = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < at - LAST_USED_RESOLUTION)
    try:
        with transaction() as session:
            session.execute(update(ApiKey).where(ApiKey.id.in_(ids), outdated).values(last_used_at=at))
    except SQLAlchemyError as failure:
        log.warning("key_use_not_noted", error=type(failure).__name__)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()

"""API keys, `rk_<prefix>_<secret>`: found by the prefix, proven by the secret, of which only a hash is kept.

The secret is 256 random bits, so one round of SHA-256 is enough: there is no dictionary to try.
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

MARK: Final = "rk_"
USE_IS_NOTED_EVERY: Final = timedelta(minutes=1)

_FORM = re.compile(r"(rk_[0-9a-f]{10})_([A-Za-z0-9_-]{43})", re.ASCII)

log = structlog.get_logger()


class NewKey(NamedTuple):
    """`full` is shown once; the other two are kept."""

    full: str
    prefix: str
    secret_hash: str


def make() -> NewKey:
    """A fresh key."""
    prefix, secret = f"{MARK}{secrets.token_hex(5)}", secrets.token_urlsafe(32)
    return NewKey(f"{prefix}_{secret}", prefix, _hash(secret))


def split(credentials: str) -> tuple[str, str]:
    """Prefix and secret. Raises Unauthenticated."""
    form = _FORM.fullmatch(credentials)
    if form is None:
        raise Unauthenticated
    return form[1], form[2]


def matches(secret: str, secret_hash: str) -> bool:
    """Whether it is the key's secret, in a time that tells nothing."""
    return hmac.compare_digest(_hash(secret), secret_hash)


# Ids of keys whose use is to be written down; filled while a call is authenticated, emptied after its answer.
used: Final[set[UUID]] = set()


def write_down_uses() -> None:
    """At most once a minute for each key, after the answer is out, in a transaction of its own."""
    ids = [used.pop() for _ in range(len(used))]
    at = now()
    seldom_enough = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < at - USE_IS_NOTED_EVERY)
    try:
        with transaction() as session:
            session.execute(update(ApiKey).where(ApiKey.id.in_(ids), seldom_enough).values(last_used_at=at))
    except SQLAlchemyError as failure:
        log.warning("key_use_not_noted", error=type(failure).__name__)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()

"""Rate limits of public routes, shared by all processes. PostgreSQL counts while the counter store does not answer."""

import hashlib
import hmac
from typing import Final

from app.core.key_derivation import key_for
from app.errors import TooManyRequests
from app.security import rate_counters

WINDOW: Final = 60  # seconds


def count_public_call(purpose: str, caller: str, *, most: int, noun: str) -> None:
    """Count one call of this caller, such as a client network; `most` calls a minute are allowed. 0: any number.

    Raises TooManyRequests, which names the calls by `noun`.
    """
    counted = rate_counters.increment([_name(purpose, caller)], window=WINDOW) if most else None
    if counted and counted[0][0] > most:
        raise TooManyRequests(max(1, counted[0][1]), f"At most {most} {noun} a minute. Please wait before the next.")


def _name(*parts: str) -> str:
    """Return the counter's key: an HMAC, so that the store holds no readable address."""
    digest = hmac.digest(key_for("attempts"), "\0".join(parts).encode(), hashlib.sha256)
    return f"relance:forms:{digest[:12].hex()}"

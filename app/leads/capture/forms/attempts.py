"""Rate limit of web form submissions per IP address, shared by all processes.

If the counter store is down, submissions are allowed: a lost lead is worse than an hour of spam.
"""

import hashlib
import hmac
from typing import Final

from app.config import get_settings
from app.core.key_derivation import key_for
from app.errors import TooManyRequests
from app.security import rate_counters

WINDOW: Final = 60  # seconds


def count_submission(address: str) -> None:
    """Count one submission, before its body is read. Raises TooManyRequests."""
    most = get_settings().form_posts_per_minute
    if not most:
        return
    counted = rate_counters.increment([_name(address)], window=WINDOW)
    if counted and counted[0][0] > most:
        raise TooManyRequests(
            max(1, counted[0][1]), f"At most {most} submissions a minute. Please wait before the next."
        )


def _name(address: str) -> str:
    """Return the counter's key: an HMAC, so that the store holds no readable address."""
    digest = hmac.digest(key_for("attempts"), f"form\0{address}".encode(), hashlib.sha256)
    return f"relance:forms:{digest[:12].hex()}"

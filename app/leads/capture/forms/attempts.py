"""How often one address may send forms, counted for all processes together.

While the store of the counts is away everybody may: a lead that is lost is worse than a flood of an hour.
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
    """Count one more, before anything of it is read. Raises TooManyRequests."""
    most = get_settings().form_posts_per_minute
    if not most:
        return
    counted = rate_counters.count([_name(address)], window=WINDOW)
    if counted and counted[0][0] > most:
        raise TooManyRequests(max(1, counted[0][1]), f"At most {most} a minute: wait before the next.")


def _name(address: str) -> str:
    """No address is readable in the store."""
    digest = hmac.digest(key_for("attempts"), f"form\0{address}".encode(), hashlib.sha256)
    return f"relance:forms:{digest[:12].hex()}"

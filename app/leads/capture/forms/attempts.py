"""Rate limits of web form submissions, per client network and per form, shared by all processes.

PostgreSQL counts while the counter store does not answer.
"""

import hashlib
import hmac
from typing import Final
from uuid import UUID

from app.config import get_settings
from app.core.key_derivation import key_for
from app.errors import TooManyRequests
from app.security import rate_counters
from app.security.client_network import client_network

WINDOW: Final = 60  # seconds


def count_submission(form_id: UUID, address: str) -> None:
    """Count one submission, before its body is read. Raises TooManyRequests.

    The network is counted first. Its refused submissions do not count for the form, so one sender cannot block it.
    """
    settings = get_settings()
    _refuse_beyond(_name("form", client_network(address)), settings.form_posts_per_minute)
    _refuse_beyond(_name("form-id", str(form_id)), settings.form_posts_per_form)


def _refuse_beyond(name: str, most: int) -> None:
    counted = rate_counters.increment([name], window=WINDOW) if most else None
    if counted and counted[0][0] > most:
        raise TooManyRequests(
            max(1, counted[0][1]), f"At most {most} submissions a minute. Please wait before the next."
        )


def _name(*parts: str) -> str:
    """Return the counter's key: an HMAC, so that the store holds no readable address."""
    digest = hmac.digest(key_for("attempts"), "\0".join(parts).encode(), hashlib.sha256)
    return f"relance:forms:{digest[:12].hex()}"

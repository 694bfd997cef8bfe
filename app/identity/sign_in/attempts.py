"""Limits for sign-in attempts and password reset requests, counted over all processes.

If the counter store is not available, attempts are not limited: a clinic that cannot sign in is worse than an hour of
guesses against Argon2.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from app.core.key_derivation import key_for
from app.errors import TooManyRequests
from app.security import rate_counters

WINDOW: Final = 300  # seconds; then the counts start again, so an account is never locked permanently

# Failed attempts per window. The first limit is for one user's typing errors; the others stop distributed attacks.
PER_ADDRESS_AND_ACCOUNT: Final = 10
PER_ADDRESS: Final = 60
PER_ACCOUNT: Final = 60

# Password reset e-mails per window.
MESSAGES_PER_RECIPIENT: Final = 3
MESSAGES_PER_ADDRESS: Final = 20


def count_attempt(email: str, address: str) -> None:
    """Count a sign-in attempt before the password is checked. `address` is the IP address. Raises TooManyRequests."""
    _refuse_beyond(_limits(email, address))


def count_request(email: str, address: str) -> None:
    """Count a password reset request, also for unknown e-mail addresses. Raises TooManyRequests."""
    limits = {_name("asked", email.lower()): MESSAGES_PER_RECIPIENT, _name("asking", address): MESSAGES_PER_ADDRESS}
    _refuse_beyond(limits)


def forget_failed_attempts(email: str, address: str) -> None:
    """After a successful attempt, remove it and the earlier failures of this address and account from the counts."""
    ours, *shared = _limits(email, address)
    rate_counters.decrement(shared, forget=ours)


def _refuse_beyond(limits: Mapping[str, int]) -> None:
    used = rate_counters.increment(list(limits), window=WINDOW) or []
    waits = [left for (count, left), most in zip(used, limits.values(), strict=False) if count > most]
    if waits:
        raise TooManyRequests(max(1, *waits))


def _limits(email: str, address: str) -> dict[str, int]:
    account = email.lower()
    return {
        _name("both", account, address): PER_ADDRESS_AND_ACCOUNT,
        _name("address", address): PER_ADDRESS,
        _name("account", account): PER_ACCOUNT,
    }


def _name(*who: str) -> str:
    """Return a hashed counter name, so that the store reveals neither addresses nor accounts."""
    digest = hmac.digest(key_for("attempts"), "\0".join(who).encode(), hashlib.sha256)
    return f"relance:attempts:{digest[:12].hex()}"

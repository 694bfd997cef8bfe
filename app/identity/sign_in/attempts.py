"""How often somebody may try to sign in, counted for all processes together.

While the store of the counts is away everybody may try: a clinic that cannot sign in is worse than an hour of guessing
against Argon2.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from app.core.key_derivation import key_for
from app.errors import TooManyRequests
from app.security import rate_counters

WINDOW: Final = 300  # seconds; then the count starts anew, so nobody is locked out for good

# Failed attempts in a window. One person's typing errors meet the first; the other two stop a spread-out attack.
FROM_ONE_PLACE_ON_ONE_ACCOUNT: Final = 10
FROM_ONE_PLACE: Final = 60
ON_ONE_ACCOUNT: Final = 60

# Links to choose a password by, in a window.
MESSAGES_TO_ONE: Final = 3
MESSAGES_FROM_ONE_PLACE: Final = 20


def count_attempt(email: str, address: str) -> None:
    """Count one more attempt, before the password is looked at. Raises TooManyRequests."""
    _refuse_beyond(_limits(email, address))


def count_request(email: str, address: str) -> None:
    """Count one more request for a message to this address. Raises TooManyRequests, whoever's it is."""
    limits = {_name("asked", email.lower()): MESSAGES_TO_ONE, _name("asking", address): MESSAGES_FROM_ONE_PLACE}
    _refuse_beyond(limits)


def forgive(email: str, address: str) -> None:
    """The attempt was right: it does not count, and neither do this person's typing errors before it."""
    ours, *shared = _limits(email, address)
    rate_counters.take_back(shared, forget=ours)


def _refuse_beyond(limits: Mapping[str, int]) -> None:
    used = rate_counters.count(list(limits), window=WINDOW) or []
    waits = [left for (count, left), most in zip(used, limits.values(), strict=False) if count > most]
    if waits:
        raise TooManyRequests(max(1, *waits))


def _limits(email: str, address: str) -> dict[str, int]:
    account = email.lower()
    return {
        _name("both", account, address): FROM_ONE_PLACE_ON_ONE_ACCOUNT,
        _name("address", address): FROM_ONE_PLACE,
        _name("account", account): ON_ONE_ACCOUNT,
    }


def _name(*who: str) -> str:
    """Neither an address nor an account is readable in the store."""
    digest = hmac.digest(key_for("attempts"), "\0".join(who).encode(), hashlib.sha256)
    return f"relance:attempts:{digest[:12].hex()}"

"""Limits for sign-in attempts and password reset requests, counted over all processes.

Addresses are counted by network (`client_network`). The limits are checked from the narrowest to the widest, and a
refused attempt does not reach the next one. So one address cannot use up the allowance that an account has for all
addresses. A network from which the account signed in lately is not subject to that allowance, so attackers at many
addresses cannot lock out a user at the usual place.

PostgreSQL counts while the counter store does not answer.
"""

import hashlib
import hmac
from typing import Final

from app.core.key_derivation import key_for
from app.errors import TooManyRequests
from app.security import rate_counters
from app.security.client_network import client_network

WINDOW: Final = 300  # seconds; then the counts start again, so an account is never locked permanently

# Failed attempts per window. The first limit is for one user's typing errors; the others stop distributed attacks.
PER_ADDRESS_AND_ACCOUNT: Final = 10
PER_ADDRESS: Final = 60
PER_ACCOUNT: Final = 60
KNOWN_NETWORK_LIFETIME: Final = 30 * 86_400  # seconds after the first of the successful sign-ins

# Password reset e-mails per window.
MESSAGES_PER_RECIPIENT: Final = 3
MESSAGES_PER_ADDRESS: Final = 20


def count_attempt(email: str, address: str) -> None:
    """Count a sign-in attempt before the password is checked. `address` is the IP address. Raises TooManyRequests."""
    own, by_address, by_account = _limits(email, address)
    _refuse_beyond(own, by_address)
    if not _is_known(email, address):
        _refuse_beyond(by_account)


def count_request(email: str, address: str) -> None:
    """Count a password reset request, also for unknown e-mail addresses. Raises TooManyRequests."""
    _refuse_beyond(
        (_name("asking", client_network(address)), MESSAGES_PER_ADDRESS),
        (_name("asked", email.lower()), MESSAGES_PER_RECIPIENT),
    )


def take_back_attempt(email: str, address: str) -> None:
    """Remove a successful attempt from the counts.

    Earlier failures stay: whoever knows the password of one account of the e-mail address could otherwise guess the
    password of another one, in another clinic, without end.
    """
    (ours, _), (by_address, _), (by_account, _) = _limits(email, address)
    rate_counters.decrement([ours, by_address] if _is_known(email, address) else [ours, by_address, by_account])
    rate_counters.increment([_known(email, address)], window=KNOWN_NETWORK_LIFETIME)


def _refuse_beyond(*limits: tuple[str, int]) -> None:
    """Count the attempt in one counter after the other, and stop at the first that is used up."""
    for name, most in limits:
        [(count, seconds)] = rate_counters.increment([name], window=WINDOW) or [(0, 0)]
        if count > most:
            raise TooManyRequests(max(1, seconds))


def _limits(email: str, address: str) -> tuple[tuple[str, int], ...]:
    account, network = email.lower(), client_network(address)
    return (
        (_name("both", account, network), PER_ADDRESS_AND_ACCOUNT),
        (_name("address", network), PER_ADDRESS),
        (_name("account", account), PER_ACCOUNT),
    )


def _is_known(email: str, address: str) -> bool:
    """Whether the account signed in from this network lately."""
    [(count, _)] = rate_counters.read([_known(email, address)]) or [(0, 0)]
    return count > 0


def _known(email: str, address: str) -> str:
    return _name("known", email.lower(), client_network(address))


def _name(*who: str) -> str:
    """Return a hashed counter name, so that the store reveals neither addresses nor accounts."""
    digest = hmac.digest(key_for("attempts"), "\0".join(who).encode(), hashlib.sha256)
    return f"relance:attempts:{digest[:12].hex()}"

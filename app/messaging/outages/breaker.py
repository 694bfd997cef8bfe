"""Breaker of channels and gateways. Pure.

After three consecutive failures that are not the fault of a message, the breaker opens: messages wait, without using
their attempts. A probe asks every few seconds, and more rarely in a long outage. When it is answered, the breaker
closes half: one more failure opens it again, one success resets it.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

THRESHOLD: Final = 3  # consecutive failures
FIRST_RETRY: Final = timedelta(seconds=5)  # of a message that failed before the breaker opens; then twice as long
SHORTEST_INTERVAL: Final = timedelta(seconds=4)  # between two probes: each run of the sweep may probe
AGE_PER_INTERVAL: Final = 120  # an outage of two hours is probed once a minute
LOGIN_REFUSED: Final = "^53[0-9]"  # probed at the longest interval: too many wrong passwords lock an account
WAIT: Final = timedelta(hours=1)  # of a message; the recovery ends it
SPREAD: Final = timedelta(minutes=10)  # added to WAIT by the step's id, so that not all steps look again at once
PROBES_STOPPED: Final = timedelta(minutes=5)  # without a probe for so long, messages are tried again themselves


class Outage(NamedTuple):
    """The failures of a target. `checked_at` is None while messages are sent."""

    failures: int = 0
    checked_at: datetime | None = None


NO_OUTAGE: Final = Outage()
Outages = Mapping[str, tuple[int, str | None]]  # failures and `checked_at` by target, as stored


def outage_of(outages: Outages, target: str) -> Outage:
    """Return the failures of a target."""
    if (found := outages.get(target)) is None:
        return NO_OUTAGE
    failures, checked_at = found
    return Outage(failures, datetime.fromisoformat(checked_at) if checked_at else None)


def messages_wait(outage: Outage, now: datetime) -> bool:
    """Return whether messages wait for the target. They do not if its probes have stopped."""
    return outage.checked_at is not None and now - outage.checked_at < PROBES_STOPPED


def opens(outage: Outage) -> bool:
    """Return whether one more failure opens the breaker."""
    return outage.failures + 1 >= THRESHOLD


def wait_until(step_id: UUID, now: datetime) -> datetime:
    """Return when a waiting step looks again."""
    return now + WAIT + SPREAD * (step_id.int % 1000 / 1000)


def retry_by(attempts: int, now: datetime) -> datetime | None:
    """Return when a message at the latest is tried again after an outage failed it; None: after the usual wait.

    `attempts` are those before. A short outage ends before the usual wait; after a long one the breaker is open.
    """
    return now + FIRST_RETRY * 2**attempts if attempts < THRESHOLD - 1 else None


def probe_interval(age: timedelta, error: str | None, *, longest: timedelta) -> timedelta:
    """Return the time between two probes in an outage of this age, after this error."""
    if re.match(LOGIN_REFUSED, error or ""):
        return longest
    return min(max(age / AGE_PER_INTERVAL, SHORTEST_INTERVAL), longest)

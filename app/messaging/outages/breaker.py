"""Breaker of channels and gateways. Pure.

After three consecutive failures that are not the fault of a message, the breaker opens: messages wait, without using
their attempts. A probe asks once a minute. When it is answered, the breaker closes half: one more failure opens it
again, one success resets it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

THRESHOLD: Final = 3  # consecutive failures
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

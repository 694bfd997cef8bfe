"""Times of retries and of pauses. Pure: the caller supplies the random number."""

from datetime import datetime, timedelta
from typing import Final

# The wait after each failed attempt (Standard Webhooks 1.0.0, "Deliverability and reliability"): more than three days.
WAITS: Final = (
    *(timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30)),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
MAX_ATTEMPTS: Final = len(WAITS) + 1
MAX_RETRY_AFTER: Final = timedelta(days=1)  # the longest wait that an endpoint may ask for

PAUSE_AFTER: Final = 5  # consecutive failed calls; then the endpoint is tried with one call at a time
SHORTEST_PAUSE: Final = timedelta(seconds=30)
LONGEST_PAUSE: Final = timedelta(minutes=10)


def next_attempt(
    attempts: int, failed_at: datetime, *, luck: float, retry_after: timedelta | None = None
) -> datetime | None:
    """Return when to try again after this many failed attempts; None after the last one.

    The wait has 10 % jitter either way, so that deliveries that failed together are not repeated together. `luck` is a
    random number between 0 and 1. It is not before `retry_after`, which the endpoint asked for.
    """
    if attempts >= MAX_ATTEMPTS:
        return None
    wait = WAITS[attempts - 1] * (0.9 + luck / 5)
    return failed_at + max(wait, retry_after or timedelta())


def pause(pauses: int) -> timedelta:
    """Return how long an endpoint that fails is left alone, after this many pauses before. It doubles each time."""
    doubled: timedelta = SHORTEST_PAUSE * 2 ** min(pauses, 10)
    return min(doubled, LONGEST_PAUSE)

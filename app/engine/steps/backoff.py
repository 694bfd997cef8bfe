"""Exponential backoff with jitter. Pure: the caller supplies the random number."""

from datetime import timedelta


def backoff(attempts: int, *, base: float, cap: float, luck: float) -> timedelta:
    """Return the wait after this many failed attempts.

    The wait doubles with each attempt up to `cap` seconds, with 25 % jitter either way. `luck` is a random number
    between 0 and 1. Jitter keeps steps that failed together from retrying together.
    """
    wait = min(base * 2 ** (attempts - 1), cap)
    return timedelta(seconds=wait * (0.75 + luck / 2))

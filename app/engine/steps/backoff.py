"""How long to wait before the next try. Pure but for the dice, which the caller throws."""

from datetime import timedelta


def backoff(attempts: int, *, base: float, cap: float, luck: float) -> timedelta:
    """The wait after so many failed tries: doubled each time up to `cap` seconds, spread by a quarter each way.

    `luck` is a throw between 0 and 1; the spread keeps those who failed together from coming back together.
    """
    wait = min(base * 2 ** (attempts - 1), cap)
    return timedelta(seconds=wait * (0.75 + luck / 2))

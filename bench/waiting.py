"""Bounded waiting. A timeout names the condition."""

import time
from collections.abc import Callable


class WaitedTooLong(Exception):
    """A condition did not become true in time."""


def wait_until(condition: Callable[[], bool], what: str, *, timeout: float, every: float = 0.25) -> None:
    """Check `condition` every `every` seconds until it is true. Raises WaitedTooLong after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise WaitedTooLong(f"{what}: not within {timeout:.0f} s")
        time.sleep(every)

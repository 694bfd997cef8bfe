"""Every wait of the harness is bounded, and says what it waited for when it gives up."""

import time
from collections.abc import Callable


class WaitedTooLong(Exception):
    """What was waited for did not happen in time."""


def wait_until(condition: Callable[[], bool], what: str, *, timeout: float, every: float = 0.25) -> None:
    """Ask `condition` every `every` seconds until it holds; raise WaitedTooLong after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise WaitedTooLong(f"{what}: not within {timeout:.0f} s")
        time.sleep(every)

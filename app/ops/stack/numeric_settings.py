"""Numbers in the environment that are needed before the settings are read, or only by single parts."""

import os

from app.ops.embedded import WrongSetting

HIGHEST_PORT = 65_535
MOST_PROCESSES = 1000
PROCESS_COUNTS = (
    *("WEB_WORKERS", "WEB_THREADS", "STEP_WORKERS", "DELIVERY_WORKERS", "BULK_WORKERS", "WEBHOOK_WORKERS"),
    "SWEEP_WORKERS",
)


def port_setting(name: str, default: int) -> int:
    """Return the port in this variable. Raises WrongSetting (when it is not a port)."""
    return _number(name, HIGHEST_PORT, "port") or default


def require_process_counts() -> None:
    """Check the numbers of processes and threads. Raises WrongSetting (when one is not a number from 1)."""
    for name in PROCESS_COUNTS:
        _number(name, MOST_PROCESSES, "number of processes")


def _number(name: str, most: int, what: str) -> int | None:
    text = os.environ.get(name)
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= most):
        raise WrongSetting(f'{name}: "{text}" is not a {what}: set a whole number from 1 to {most}')
    return int(text)

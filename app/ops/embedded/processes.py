"""Start, find and end server processes, also those that an earlier run started."""

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from app.ops.embedded.account import Account

POLL = 0.05  # seconds


def spawn(command: Sequence[str | Path], *, log: Path, account: Account | None = None) -> subprocess.Popen[bytes]:
    """Start a server in its own session, so that Ctrl-C does not reach it directly."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,
            **(account.as_popen_arguments() if account else {}),
        )


def is_alive(pid: int, name: str) -> bool:
    """Return whether the process runs and has this name. Process ids are reused after a reboot."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and name in process.name()
    except psutil.NoSuchProcess:
        return False


def processes_in(folder: Path, name: str) -> list[int]:
    """Return the ids of processes with this name and working directory."""
    return [
        p.pid for p in psutil.process_iter(["name", "cwd"]) if p.info["name"] == name and p.info["cwd"] == str(folder)
    ]


def end(pid: int, name: str, *, ask: signal.Signals, patience: float) -> None:
    """Ask a process to stop. Kill it if it still runs after `patience` seconds."""
    send(pid, ask)
    if not wait_until(lambda: not is_alive(pid, name), patience):
        send(pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(pid, name), patience)


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal. A process that has already ended is ignored."""
    with suppress(psutil.NoSuchProcess):
        psutil.Process(pid).send_signal(number)


def wait_until(holds: Callable[[], bool], patience: float) -> bool:
    """Poll for at most `patience` seconds. Return whether the condition became true."""
    deadline = time.monotonic() + patience
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True

"""Start, find and end server processes, also those that an earlier run started."""

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

from app.ops.embedded.account import Account

POLL = 0.05  # seconds


def spawn(
    command: Sequence[str | Path], *, log: Path, lock: IO[str], account: Account | None = None
) -> subprocess.Popen[bytes]:
    """Start a server in its own session, so that Ctrl-C does not reach it directly. It inherits the lock's file."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,
            pass_fds=[lock.fileno()],
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
    """Return the ids of running processes with this name and working directory."""
    place = str(folder.resolve())
    wanted = [p for p in psutil.process_iter(["name", "cwd"]) if (p.info["name"], p.info["cwd"]) == (name, place)]
    return [process.pid for process in wanted if is_alive(process.pid, name)]


def end(pid: int, name: str, *, ask: signal.Signals, patience: float) -> None:
    """Ask a process to stop, also one that a signal has stopped. Kill it if it still runs after `patience` seconds."""
    send(pid, ask)
    send(pid, signal.SIGCONT)
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

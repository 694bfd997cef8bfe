"""Worker processes, each in its own process group so that none outlives its run."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
GRACE_SECONDS = 15.0


class Processes:
    """The processes of a contestant. Output goes to `log`, which is quoted when a process dies early."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        with self.log.open("ab") as out:
            self._running.append(
                subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env={**os.environ, **env},
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )

    def check(self) -> None:
        """Raise an error with the end of the log if any process has died."""
        for process in self._running:
            if process.poll() is not None:
                raise RuntimeError(f"{process.args!r} exited {process.returncode}:\n{self.tail()}")

    def stop(self) -> None:
        for process in self._running:
            process.send_signal(signal.SIGTERM)
        for process in self._running:
            _bury(process)
        self._running.clear()

    def tail(self, lines: int = 20) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def memory_mb(self) -> float:
        """Return the proportional set size of the processes and their children, in MB. Shared pages count once."""
        return sum(process.memory_full_info().pss for process in self._family()) / 1e6

    def cpu_seconds(self) -> float:
        """Return the CPU seconds of the processes and their children."""
        return sum(sum(process.cpu_times()[:2]) for process in self._family())

    def _family(self) -> list[psutil.Process]:
        roots = [psutil.Process(process.pid) for process in self._running]
        return [*roots, *(child for root in roots for child in root.children(recursive=True))]


def run(command: Sequence[str], *, env: Mapping[str, str], stdin: str = "", timeout: float = 120) -> str:
    """Run a helper process and return its output. Raises an error with its output if it fails."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **env},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} exited {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout


def python(*arguments: str, interpreter: str = sys.executable) -> list[str]:
    return [interpreter, *arguments]


def _bury(process: subprocess.Popen[bytes]) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # children too, because they outlive a dead parent
    process.wait(GRACE_SECONDS)

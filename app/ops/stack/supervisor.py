"""Supervisor: run the parts of the Procfile side by side and restart those that end."""

import asyncio
import ctypes
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from app.ops.stack.procfile import ROOT, Part

STOP_PATIENCE = 40  # seconds; a running step has 30, then its worker puts the remaining messages back
SHORT_PATIENCE = 8  # seconds, for parts without work; Flower waits for a stopped broker
STATELESS_PARTS = frozenset({"flower", "mailbox"})
EARLY_END = 20  # seconds; parts that end sooner are restarted with growing pauses
MAX_PAUSE = 30
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)

Write = Callable[[str, str], None]  # part's name, line


@dataclass
class Supervisor:
    """Run the parts until a signal. The first signal asks every part to finish, the second kills them."""

    parts: Sequence[Part]
    write: Write
    _running: dict[str, asyncio.subprocess.Process] = field(default_factory=dict, init=False)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    async def run(self, once_started: Callable[[], Awaitable[None]]) -> None:
        """Run the parts. `once_started` runs beside them: it waits until they are ready and reports it."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._on_signal)
        announcement = asyncio.ensure_future(once_started())
        tasks = [asyncio.create_task(self._keep(part)) for part in self.parts]
        await self._stopping.wait()
        announcement.cancel()
        self.write("relance", "stopping ...")
        await self._end_all(tasks)

    async def _keep(self, part: Part) -> None:
        """Run the part again whenever it ends. The pause grows while it keeps ending early."""
        short_lives = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            code = await self._run_once(part)
            if self._stopping.is_set():
                return
            short_lives = short_lives + 1 if time.monotonic() - began < EARLY_END else 0
            pause = min(MAX_PAUSE, 2**short_lives - 1)
            self.write(part.name, f"ended with {code}; restarting in {pause} s")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _run_once(self, part: Part) -> int:
        process = await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-c",
            f"exec {part.command}",
            cwd=ROOT,
            env=part_environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        self._running[part.name] = process
        await self._relay(part.name, process.stdout)
        return await process.wait()

    async def _relay(self, name: str, output: asyncio.StreamReader | None) -> None:
        """Forward the output line by line. Lines may be of any length."""
        rest = b""
        while output and (chunk := await output.read(65536)):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self.write(name, line.decode(errors="replace"))
        if rest:
            self.write(name, rest.decode(errors="replace"))

    async def _end_all(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        self._signal_all(signal.SIGTERM)
        await asyncio.wait(tasks, timeout=SHORT_PATIENCE)
        self._signal_all(signal.SIGKILL, only=STATELESS_PARTS)
        _, pending = await asyncio.wait(tasks, timeout=STOP_PATIENCE)
        if pending:
            self._signal_all(signal.SIGKILL)
            await asyncio.wait(pending, timeout=STOP_PATIENCE)

    def _on_signal(self) -> None:
        if self._stopping.is_set():
            self._signal_all(signal.SIGKILL)
        self._stopping.set()

    def _signal_all(self, number: signal.Signals, *, only: Collection[str] | None = None) -> None:
        """Send a signal to the parts. SIGTERM goes to the part's main process, SIGKILL to its process group."""
        send = os.killpg if number is signal.SIGKILL else os.kill
        for name, process in self._running.items():
            with suppress(ProcessLookupError):
                if process.returncode is None and (only is None or name in only):
                    send(process.pid, number)


def part_environment() -> dict[str, str]:
    """Return this process's environment, with its own programs first in PATH."""
    programs = str(Path(sys.executable).parent)
    return {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}",
    }


def die_with_parent() -> None:
    """On Linux, end the part when its supervisor is killed. Elsewhere its port stays taken."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGTERM)

"""Runs the parts of the Procfile side by side, and starts again whichever ends by itself."""

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

STOP_PATIENCE = 40  # seconds; a step in flight has 30, then its worker puts the rest back
SHORT_PATIENCE = 8  # seconds, for parts that hold no work; Flower waits for a broker that is gone
HOLD_NOTHING = frozenset({"flower", "mailbox"})
SHORT_LIFE = 20  # seconds; what ends sooner than this waits longer and longer before the next try
LONGEST_PAUSE = 30
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)

Write = Callable[[str, str], None]  # part's name, line


@dataclass
class Supervisor:
    """Runs until a signal comes: the first asks every part to finish, the second kills."""

    parts: Sequence[Part]
    write: Write
    _running: dict[str, asyncio.subprocess.Process] = field(default_factory=dict, init=False)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    async def run(self, once_started: Callable[[], Awaitable[None]]) -> None:
        """`once_started` runs beside the parts: it waits for them and says so."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._on_signal)
        announcement = asyncio.ensure_future(once_started())
        keepers = [asyncio.create_task(self._keep(part)) for part in self.parts]
        await self._stopping.wait()
        announcement.cancel()
        self.write("relance", "stopping ...")
        await self._end_all(keepers)

    async def _keep(self, part: Part) -> None:
        """Run the part again and again. The pause grows while it keeps ending at once."""
        short_lives = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            code = await self._run_once(part)
            if self._stopping.is_set():
                return
            short_lives = short_lives + 1 if time.monotonic() - began < SHORT_LIFE else 0
            pause = min(LONGEST_PAUSE, 2**short_lives - 1)
            self.write(part.name, f"ended with {code}; starting it again in {pause} s")
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
        """Line by line, however long a line is."""
        rest = b""
        while output and (chunk := await output.read(65536)):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self.write(name, line.decode(errors="replace"))
        if rest:
            self.write(name, rest.decode(errors="replace"))

    async def _end_all(self, keepers: Sequence[asyncio.Task[None]]) -> None:
        self._signal_all(signal.SIGTERM)
        await asyncio.wait(keepers, timeout=SHORT_PATIENCE)
        self._signal_all(signal.SIGKILL, only=HOLD_NOTHING)
        _, pending = await asyncio.wait(keepers, timeout=STOP_PATIENCE)
        if pending:
            self._signal_all(signal.SIGKILL)
            await asyncio.wait(pending, timeout=STOP_PATIENCE)

    def _on_signal(self) -> None:
        if self._stopping.is_set():
            self._signal_all(signal.SIGKILL)
        self._stopping.set()

    def _signal_all(self, number: signal.Signals, *, only: Collection[str] | None = None) -> None:
        """A request goes to the part's own process, which ends its children; a kill goes to all of them."""
        send = os.killpg if number is signal.SIGKILL else os.kill
        for name, process in self._running.items():
            with suppress(ProcessLookupError):
                if process.returncode is None and (only is None or name in only):
                    send(process.pid, number)


def part_environment() -> dict[str, str]:
    """This process's environment, with its own programs found first."""
    programs = str(Path(sys.executable).parent)
    return {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}",
    }


def die_with_parent() -> None:
    """On Linux the kernel ends a part whose supervisor was killed; elsewhere its port stays taken."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGTERM)

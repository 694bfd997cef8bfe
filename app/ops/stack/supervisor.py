"""Supervisor: run the parts of the Procfile side by side and restart those that end or freeze."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from app.ops.stack.liveness import PATIENCE, Liveness
from app.ops.stack.part_process import PartProcess, StartPart, start_part
from app.ops.stack.procfile import Part

STOP_PATIENCE = 40  # seconds; a running step has 30, then its worker puts the remaining messages back
SHORT_PATIENCE = 8  # seconds, for parts without work; Flower waits for a stopped broker
ORPHAN_PATIENCE = 50  # seconds for children whose parent was killed; a running step has 45
STATELESS_PARTS = frozenset({"stream", "flower", "mailbox", "echo"})
EARLY_END = 20  # seconds; parts that end sooner are restarted with growing pauses
MAX_PAUSE = 30
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Write = Callable[[str, str], None]  # part's name, line


@dataclass
class Supervisor:
    """Run the parts until a signal. The first signal asks every part to finish, the second kills them."""

    parts: Sequence[Part]
    write: Write
    probes: Mapping[str, str] = field(default_factory=dict)  # part's name → URL that answers while it is alive
    patience: float = PATIENCE  # seconds without a sign of life until a part counts as frozen
    start: StartPart = start_part
    _running: dict[str, PartProcess] = field(default_factory=dict, init=False)
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
        with Liveness(self.probes.get(part.name), self.patience) as liveness:
            process = await self.start(part, liveness.environment)
            self._running[part.name] = process
            relay = asyncio.create_task(self._relay(part.name, process.stdout))
            watch = asyncio.create_task(self._end_if_frozen(part.name, process, liveness))
            code = await process.wait()
            watch.cancel()
            await self._wait_for_children(process, relay)
            return code

    async def _end_if_frozen(self, name: str, process: PartProcess, liveness: Liveness) -> None:
        """Name a frozen part and end it. The function that waits for its end starts it again."""
        silent = await liveness.wait_until_frozen(process.pid)
        self.write(name, f"is frozen: no sign of life for {silent:.0f} s (process {process.pid}); ending it ...")
        end_softly(process)
        await asyncio.sleep(STOP_PATIENCE)
        send(process.pid, signal.SIGKILL, group=True)

    async def _wait_for_children(self, process: PartProcess, relay: asyncio.Task[None]) -> None:
        """Wait until all processes of the part have closed its output, so that no part runs twice."""
        _, open_still = await asyncio.wait([relay], timeout=ORPHAN_PATIENCE)
        if open_still:
            send(process.pid, signal.SIGKILL, group=True)
            await relay

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
        for process in self._alive():
            end_softly(process)
        await asyncio.wait(tasks, timeout=SHORT_PATIENCE)
        self._kill(only=STATELESS_PARTS)
        _, pending = await asyncio.wait(tasks, timeout=STOP_PATIENCE)
        if pending:
            self._kill()
            await asyncio.wait(pending, timeout=STOP_PATIENCE)

    def _on_signal(self) -> None:
        if self._stopping.is_set():
            self._kill()
        self._stopping.set()

    def _kill(self, *, only: Collection[str] | None = None) -> None:
        for process in self._alive(only=only):
            send(process.pid, signal.SIGKILL, group=True)

    def _alive(self, *, only: Collection[str] | None = None) -> list[PartProcess]:
        named = [process for name, process in self._running.items() if only is None or name in only]
        return [process for process in named if process.returncode is None]


def end_softly(process: PartProcess) -> None:
    """Ask the part's main process to finish. SIGCONT lets processes run that a signal has stopped."""
    send(process.pid, signal.SIGTERM)
    send(process.pid, signal.SIGCONT, group=True)


def send(pid: int, number: signal.Signals, *, group: bool = False) -> None:
    """Send a signal to the process, or to its process group. Processes that have ended are ignored."""
    with suppress(ProcessLookupError):
        (os.killpg if group else os.kill)(pid, number)

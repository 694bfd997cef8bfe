"""Liveness of a part: find a process that runs but does nothing, because a signal has stopped it or it hangs."""

import asyncio
import socket
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from app.ops.stack.http_get import http_get

CHECK_INTERVAL = 2.0  # seconds
PROBE_TIMEOUT = 10.0  # seconds; a busy web server may answer late
LONGEST_CHECK = CHECK_INTERVAL + PROBE_TIMEOUT
HEARTBEAT = b"WATCHDOG=1"  # gunicorn sends other messages of the protocol
PATIENCE = 30.0  # seconds without a sign of life
PROBE_FACTOR = 3  # a web server whose threads are all busy gets three times as long


@dataclass
class Liveness:
    """Signs of life of one process: heartbeats (sd_notify), an HTTP probe, and its state in the kernel.

    A process that once sent a heartbeat or answered a probe has to do so again. Before that, as during a slow start,
    only its state counts. Use it as a context manager: `environment` is for the process.
    """

    probe: str | None = None  # URL
    patience: float = PATIENCE
    _folder: tempfile.TemporaryDirectory[str] = field(init=False)
    _heartbeats: socket.socket = field(init=False)
    _gives_signs: bool = field(default=False, init=False)

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="relance-part-")
        self._heartbeats = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._heartbeats.setblocking(False)
        self._heartbeats.bind(self._address)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._heartbeats.close()
        self._folder.cleanup()

    @property
    def environment(self) -> dict[str, str]:
        """The variable that tells the process where to send heartbeats."""
        return {"NOTIFY_SOCKET": self._address}

    async def wait_until_frozen(self, pid: int) -> float:
        """Wait until the process has given no sign of life for `patience` seconds. Returns those seconds.

        A check that takes very long, because this process itself was stopped, counts as one check only.
        """
        silent = 0.0
        while silent < self._patience_with(pid):
            began = time.monotonic()
            await asyncio.sleep(CHECK_INTERVAL)
            alive = await self._gives_sign(pid)
            silent = 0.0 if alive else silent + min(time.monotonic() - began, LONGEST_CHECK)
        return silent

    def _patience_with(self, pid: int) -> float:
        return self.patience if self.probe is None or is_stopped(pid) else PROBE_FACTOR * self.patience

    async def _gives_sign(self, pid: int) -> bool:
        if is_stopped(pid):
            return False
        if self._took_heartbeat() or await self._answers():
            self._gives_signs = True
            return True
        return not self._gives_signs

    def _took_heartbeat(self) -> bool:
        took = False
        while True:
            try:
                took |= self._heartbeats.recv(256) == HEARTBEAT
            except BlockingIOError:
                return took

    async def _answers(self) -> bool:
        if self.probe is None:
            return False
        try:
            await http_get(self.probe, within=PROBE_TIMEOUT)
        except OSError:
            return False
        return True

    @property
    def _address(self) -> str:
        return str(Path(self._folder.name) / "notify")


def is_stopped(pid: int) -> bool:
    """Return whether a signal (SIGSTOP, SIGTSTP) has stopped the process."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    except psutil.NoSuchProcess:
        return False

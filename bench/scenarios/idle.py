"""Idle: start, memory and CPU of the whole stack of `make run` without work."""

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import httpx
import psutil

from app.ops.embedded import free_port
from bench.figures import Row
from bench.processes import Processes
from bench.rounds import in_rounds
from bench.servers import Servers
from bench.sizes import target_result
from bench.waiting import wait_until

TITLE = "Idle: the whole stack without work"
METHOD = """`relance serve` as `make run` starts it: PostgreSQL, Valkey, API, live updates, workers, beat, Flower,
mailbox. **Ready** is the time from the command to 200 of `/readyz`, at the second start. **Memory** is the
proportional set size of all processes a minute later, **CPU** what they use in the minute after that."""

READY, MEMORY, CPU, PROCESSES = "ready (s)", "memory (MB)", "CPU (% of a core)", "processes"
GOALS: Final = {READY: 6.0, MEMORY: 800.0, CPU: 3.0}
STACK: Final = "stack"
PORTS: Final = (
    "PORT",
    "FLOWER_PORT",
    "MAILBOX_PORT",
    "MAILBOX_SMTP_PORT",
    "MAILBOX_IMAP_PORT",
    "ECHO_PORT",
    "STREAM_PORT",
)
PATIENCE: Final = 180.0


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    seconds = 5.0 if quick else 60.0
    chosen = [one for one in (_Stack(),) if only.lower() in one.name]
    return in_rounds(chosen, runs, lambda _: _measure(servers.folder, seconds))


class _Stack:
    name = STACK


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Compare each figure with its goal."""
    found = {title: rows[0].figures[title].median for title in GOALS}
    return [
        f"{title}: {value:.1f}: {target_result(value < GOALS[title])} (to reach: under {GOALS[title]:.0f})."
        for title, value in found.items()
    ]


def _measure(folder: Path, seconds: float) -> Mapping[str, float]:
    env = {"RELANCE_ENV": "demo", "RELANCE_HOME": str(folder / "home"), **{name: str(free_port()) for name in PORTS}}
    _serve(folder, env, seconds=0.0)  # creates the database
    return _serve(folder, env, seconds=seconds)


def _serve(folder: Path, env: Mapping[str, str], *, seconds: float) -> Mapping[str, float]:
    stack = Processes(folder / "stack.log")
    began = time.monotonic()
    stack.start([str(Path(sys.executable).with_name("relance")), "serve"], env)
    try:
        wait_until(lambda: _is_ready(stack, env["PORT"]), "the stack", timeout=PATIENCE, every=0.05)
        ready = time.monotonic() - began
        time.sleep(seconds)
        members = _members(Path(env["RELANCE_HOME"]))
        memory = _memory_mb(members)
        before = _cpu_seconds(members)
        time.sleep(seconds)
        cpu = (_cpu_seconds(members) - before) / seconds * 100 if seconds else 0.0
        return {READY: ready, MEMORY: memory, CPU: cpu, PROCESSES: len(members)}
    finally:
        stack.stop()


def _is_ready(stack: Processes, port: str) -> bool:
    stack.check()
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _members(home: Path) -> list[psutil.Process]:
    """Return all processes of the stack: those with its home in their environment, and what they have started."""
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        try:
            if process.environ().get("RELANCE_HOME") == str(home):
                found |= {one.pid: one for one in (process, *process.children(recursive=True))}
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return list(found.values())


def _memory_mb(members: Sequence[psutil.Process]) -> float:
    total = 0.0
    for one in members:
        with suppress(psutil.NoSuchProcess):  # a session of PostgreSQL that has just ended
            total += one.memory_full_info().pss / 1e6
    return total


def _cpu_seconds(members: Sequence[psutil.Process]) -> float:
    total = 0.0
    for one in members:
        with suppress(psutil.NoSuchProcess):
            total += sum(one.cpu_times()[:2])
    return total

"""Fixture `processes`: real workers, beats and web servers. All of them are killed when the test ends.

`shared_processes` has the scope of a file.

worker = processes.start_worker("steps,deliveries", concurrency=2, env={"HORIZON_SECONDS": "5"})
web = processes.start_web();  httpx.get(f"{web.url}/livez")
beat = processes.start_beat()
worker.kill()            # SIGKILL, master and children at once
worker.stop()            # SIGTERM, waits, returns the exit code
worker.output()          # its log; shown when the test fails
processes.start("name", "module", ["argument"])      # python -m module argument
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx
import pytest
from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from app.ops.embedded import Valkey, free_port
from tests.support.environment import this_process
from tests.support.fork_server import Fork, fork_server

START_PATIENCE = 60  # seconds; generous, because two cores may run everything at once
_numbers = count(1)


@pytest.fixture
def processes(database_url: str, valkey: Valkey) -> Iterator["Processes"]:
    """Starts processes and kills them when the test ends."""
    yield from _starter()


@pytest.fixture(scope="module")
def shared_processes(database_url: str, valkey: Valkey) -> Iterator["Processes"]:
    """Starts processes that all tests of a file share and no test kills."""
    yield from _starter()


def _starter() -> Iterator["Processes"]:
    starter = Processes(this_process() / "logs")
    yield starter
    starter.kill_all()


@dataclass
class Process:
    """One process and its children, in a session of their own."""

    name: str
    log: Path
    child: Fork | subprocess.Popen[bytes]
    url: str = ""  # of a web server

    @property
    def pid(self) -> int:
        """The process id; for a worker, that of the parent process."""
        return self.child.pid

    def is_running(self) -> bool:
        """Return whether the process runs."""
        return self.child.poll() is None

    def kill(self) -> None:
        """Send SIGKILL to the process and its children, which then cannot return messages or write logs."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.child.wait()

    def stop(self, patience: float = 60) -> int:
        """Send SIGTERM, wait for the end and return the exit code."""
        self.child.terminate()
        return self.child.wait(patience)

    def output(self) -> str:
        """Return the log so far."""
        return self.log.read_text(errors="replace")

    def wait_for(self, text: str, patience: float = START_PATIENCE) -> None:
        """Wait until the log contains `text`."""
        wait_until(lambda: text in self.output(), patience, f"{self.name} to write {text!r}")


@dataclass
class Processes:
    """Starts processes and keeps a list of them."""

    logs: Path
    started: list[Process] = field(default_factory=list)

    def start(
        self, name: str, module: str, arguments: Sequence[str], *, env: Mapping[str, str] | None = None
    ) -> Process:
        """Run `python -m module` in the project's folder with the tests' environment and `env` on top."""
        log = self.new_log(name)
        child = fork_server().start(module, arguments, env={**os.environ, **(env or {})}, log=log)
        process = Process(name, log, child)
        self.started.append(process)
        return process

    def new_log(self, name: str) -> Path:
        """Create an empty file for the output of a process."""
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.logs / f"{name}-{next(_numbers)}.log"
        log.touch()
        return log

    def start_worker(
        self,
        queues: str,
        *,
        concurrency: int = 1,
        env: Mapping[str, str] | None = None,
        wait: bool = True,
        app: str = "workers.app",
    ) -> Process:
        """Start a Celery worker for the comma-separated queues. With `wait`, return when it answers."""
        node = f"test{next(_numbers)}@localhost"
        options = [
            "-Q",
            queues,
            "-c",
            str(concurrency),
            "-n",
            node,
            "-E",
            "--without-gossip",
            "--without-mingle",
        ]
        process = self.start("worker", "celery", ["-A", app, "worker", *options], env=env)
        if wait:
            self._until(lambda: answers(node), process)
        return process

    def start_beat(self, *, env: Mapping[str, str] | None = None) -> Process:
        """Start beat. It needs no file, because the database stores when each sweep last ran."""
        options = ["-S", "workers.scheduler:QuietScheduler", "--pidfile="]
        return self.start("beat", "celery", ["-A", "workers.app", "beat", *options], env=env)

    def start_web(self, *, workers: int = 1, env: Mapping[str, str] | None = None) -> Process:
        """Start the API under gunicorn on a free port. Return when it answers."""
        port = free_port()
        arguments = ["app:create_app()", "--workers", str(workers)]
        process = self.start("web", "gunicorn", arguments, env={"PORT": str(port), **(env or {})})
        process.url = f"http://127.0.0.1:{port}"
        self._until(lambda: is_live(f"{process.url}/livez"), process)
        return process

    def start_stream(self, *, env: Mapping[str, str] | None = None) -> Process:
        """Start the process that writes live updates. Return when it accepts streams."""
        process = self.start("stream", "app.ops.live_updates", [], env=env)
        self._until(lambda: "live_updates.started" in process.output(), process)
        return process

    def start_flower(self, *, env: Mapping[str, str] | None = None) -> Process:
        """Start Flower on a free port, see `process.url`. Return when it answers."""
        port = free_port()
        own = {
            "FLOWER_PORT": str(port),
            "FLOWER_BASIC_AUTH": "ops:only-for-tests",
            "FLOWER_COOKIE_SECRET": "only-for-tests",
        }
        arguments = ["-q", "-A", "workers.app", "flower", "--conf=flowerconfig.py"]
        process = self.start("flower", "celery", arguments, env={**own, **(env or {})})
        process.url = f"http://ops:only-for-tests@127.0.0.1:{port}"
        self._until(lambda: is_live(f"{process.url}/healthcheck"), process)
        return process

    def kill_all(self) -> None:
        """Kill all started processes."""
        for process in self.started:
            process.kill()

    def _until(self, ready: Callable[[], bool], process: Process) -> None:
        wait_until(lambda: ready() or not process.is_running(), START_PATIENCE, f"{process.name} to answer")
        if not process.is_running():
            pytest.fail(f"{process.name} ended at once:\n{process.output()}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Add the logs of its processes to the report of a failed test."""
    report = yield
    if report.failed and (starter := getattr(item, "funcargs", {}).get("processes")):
        for process in starter.started:
            report.sections.append((f"{process.name} (pid {process.pid})", process.output()[-8000:]))
    return report


def wait_until(holds: Callable[[], bool], patience: float, what: str) -> None:
    """Poll until `holds` is true. Fail the test with the description `what` after `patience` seconds."""
    deadline = time.monotonic() + patience
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {patience} s for {what}")
        time.sleep(0.05)


def answers(node: str) -> bool:
    """Return whether the worker replies to a ping over a new connection to the broker."""
    with suppress(OSError, OperationalError, RedisError):
        return bool(Celery(broker=os.environ["BROKER_URL"]).control.ping(destination=[node], timeout=0.5))
    return False


def is_live(url: str) -> bool:
    """Return whether a web server answers at the URL."""
    with suppress(httpx.TransportError):
        return httpx.get(url, timeout=2).is_success
    return False

"""Fixture `processes`: real workers, beats and web servers, started and killed by a test, always reaped.

`shared_processes` is the same for a whole file.

worker = processes.start_worker("steps,deliveries", concurrency=2, env={"HORIZON_SECONDS": "5"})
web = processes.start_web();  httpx.get(f"{web.url}/livez")
beat = processes.start_beat()
worker.kill()            # SIGKILL, master and children at once
worker.stop()            # SIGTERM, waits, returns the exit code
worker.output()          # what it logged; shown by itself when the test fails
processes.start("name", "module", ["argument"])      # python -m module argument
"""

import os
import signal
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
    """A starter of processes that ends what it started."""
    yield from _starter()


@pytest.fixture(scope="module")
def shared_processes(database_url: str, valkey: Valkey) -> Iterator["Processes"]:
    """The same, for processes that all tests of a file use and none kills."""
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
    child: Fork
    url: str = ""  # of a web server

    @property
    def pid(self) -> int:
        """The process itself: of a worker, the master."""
        return self.child.pid

    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.child.poll() is None

    def kill(self) -> None:
        """SIGKILL to it and its children at once: nothing can be put back or written down."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.child.wait()

    def stop(self, patience: float = 60) -> int:
        """SIGTERM, as a deployment does; waits for the end and returns the exit code."""
        self.child.terminate()
        return self.child.wait(patience)

    def output(self) -> str:
        """Everything it wrote so far."""
        return self.log.read_text(errors="replace")

    def wait_for(self, text: str, patience: float = START_PATIENCE) -> None:
        """Until it has written that."""
        wait_until(lambda: text in self.output(), patience, f"{self.name} to write {text!r}")


@dataclass
class Processes:
    """Starts processes and remembers them."""

    logs: Path
    started: list[Process] = field(default_factory=list)

    def start(
        self, name: str, module: str, arguments: Sequence[str], *, env: Mapping[str, str] | None = None
    ) -> Process:
        """Run `python -m module` in the project's folder with the tests' environment and `env` on top."""
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.logs / f"{name}-{next(_numbers)}.log"
        log.touch()
        child = fork_server().start(module, arguments, env={**os.environ, **(env or {})}, log=log)
        process = Process(name, log, child)
        self.started.append(process)
        return process

    def start_worker(
        self,
        queues: str,
        *,
        concurrency: int = 1,
        env: Mapping[str, str] | None = None,
        wait: bool = True,
        app: str = "workers.app",
    ) -> Process:
        """A Celery worker for those queues, comma-separated. Returns when it answers, unless told not to wait."""
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
        """A beat. It keeps no file: when each sweep last ran is in the database."""
        options = ["-S", "celery.beat:Scheduler", "--pidfile="]
        return self.start("beat", "celery", ["-A", "workers.app", "beat", *options], env=env)

    def start_web(self, *, workers: int = 1, env: Mapping[str, str] | None = None) -> Process:
        """The API under gunicorn on a free port. Returns when it answers."""
        port = free_port()
        arguments = ["app:create_app()", "--workers", str(workers)]
        process = self.start("web", "gunicorn", arguments, env={"PORT": str(port), **(env or {})})
        process.url = f"http://127.0.0.1:{port}"
        self._until(lambda: is_live(f"{process.url}/livez"), process)
        return process

    def start_flower(self, *, env: Mapping[str, str] | None = None) -> Process:
        """Flower as ops run it, at an address of its own: `process.url`. Returns when it answers."""
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
        """Nothing is left when the test ends."""
        for process in self.started:
            process.kill()

    def _until(self, ready: Callable[[], bool], process: Process) -> None:
        wait_until(lambda: ready() or not process.is_running(), START_PATIENCE, f"{process.name} to answer")
        if not process.is_running():
            pytest.fail(f"{process.name} ended at once:\n{process.output()}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A failed test shows what its processes wrote."""
    report = yield
    if report.failed and (starter := getattr(item, "funcargs", {}).get("processes")):
        for process in starter.started:
            report.sections.append((f"{process.name} (pid {process.pid})", process.output()[-8000:]))
    return report


def wait_until(holds: Callable[[], bool], patience: float, what: str) -> None:
    """Ask again and again; fails the test, naming what it waited for, after `patience` seconds."""
    deadline = time.monotonic() + patience
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {patience} s for {what}")
        time.sleep(0.05)


def answers(node: str) -> bool:
    """Whether that worker replies to a ping over the broker. A connection kept from before a restart is made anew."""
    with suppress(OSError, OperationalError, RedisError):
        return bool(Celery(broker=os.environ["BROKER_URL"]).control.ping(destination=[node], timeout=0.5))
    return False


def is_live(url: str) -> bool:
    """Whether the web server answers there."""
    with suppress(httpx.TransportError):
        return httpx.get(url, timeout=2).is_success
    return False

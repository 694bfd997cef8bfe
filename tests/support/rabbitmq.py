"""A RabbitMQ cluster of three nodes on this machine, from the package of the distribution.

with running_cluster() as cluster:
    cluster.env                     # BROKER_URL with all nodes, BROKER_QUEUE_TYPE
    cluster.queues()["steps"]       # type, leader, members and unacknowledged messages
    cluster.kill(cluster.nodes[0])  # SIGKILL
    cluster.freeze(cluster.nodes[1])  # SIGSTOP, until cluster.thaw
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from pwd import getpwnam
from typing import Any, Final

import pytest

from app.ops.embedded import free_port
from tests.support.processes import wait_until

COMMANDS: Final = Path("/usr/lib/rabbitmq/bin")
USER: Final = "rabbitmq"
PATIENCE: Final = 120  # seconds; three nodes start at once on a slow machine
# One thread per node that sleeps when it has no work: three nodes share the machine with the tests.
FRUGAL: Final = "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none"
CONFIGURATION: Final = (
    "cluster_formation.peer_discovery_backend = classic_config",
    "log.file = false",
    "log.console = true",
    "disk_free_limit.absolute = 1MB",
    "raft.wal_max_size_bytes = 64000000",
    "net_ticktime = 15",
)

requires_rabbitmq = pytest.mark.skipif(
    not ((COMMANDS / "rabbitmq-server").exists() and shutil.which("epmd")), reason="rabbitmq-server is not installed"
)


@dataclass
class Node:
    """One running node."""

    name: str
    port: int
    server: subprocess.Popen[bytes]


@dataclass
class Cluster:
    """The running nodes."""

    nodes: list[Node]
    home: Path
    epmd_port: int

    @property
    def env(self) -> dict[str, str]:
        """The environment of processes that use the cluster as their broker, with quorum queues."""
        urls = ";".join(f"amqp://guest:guest@127.0.0.1:{node.port}//" for node in self.nodes)
        return {"BROKER_URL": urls, "BROKER_QUEUE_TYPE": "quorum"}

    def queues(self) -> dict[str, dict[str, Any]]:
        """Return the state of each queue by name."""
        columns = ("name", "type", "leader", "members", "messages", "messages_unacknowledged")
        shown = self.control("--quiet", "list_queues", "--formatter", "json", *columns)
        return {queue["name"]: queue for queue in json.loads(shown)}

    def control(self, *arguments: str) -> str:
        """Run `rabbitmqctl` on the last node. Returns its output."""
        command = [str(COMMANDS / "rabbitmqctl"), "--node", self.nodes[-1].name, *arguments]
        env = _environment(self.home, self.epmd_port)
        done = subprocess.run(command, check=False, env=env, cwd=self.home, capture_output=True, text=True, **_user())
        assert done.returncode == 0, f"{command}: {done.stdout} {done.stderr}"
        return done.stdout

    def kill(self, node: Node) -> None:
        """Kill a node like a crash."""
        _kill(node.server)

    def freeze(self, node: Node) -> None:
        """Stop a node like a machine that hangs: its connections stay open, and nothing is answered."""
        os.killpg(node.server.pid, signal.SIGSTOP)

    def thaw(self, node: Node) -> None:
        """Let a frozen node go on."""
        os.killpg(node.server.pid, signal.SIGCONT)


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Start the nodes. They, and their folder, are gone at the end."""
    home = Path(tempfile.mkdtemp(prefix="relance-rabbitmq-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        _give(home)
        cluster = Cluster([], home, free_port())
        _write_files(home)
        epmd = ["epmd", "-port", str(cluster.epmd_port)]
        _start(stack, epmd, _environment(home, cluster.epmd_port), home / "epmd.log")
        wait_until(lambda: _accepts(cluster.epmd_port), PATIENCE, "epmd to answer")
        first, *others = (f"relance{os.getpid()}{letter}@localhost" for letter in "abc")
        _wait_for(_start_node(stack, cluster, first, peers=()))
        for node in [_start_node(stack, cluster, name, peers=(first, name)) for name in others]:
            _wait_for(node)
        cluster.control("await_online_nodes", str(len(cluster.nodes)), "--timeout", str(PATIENCE))
        yield cluster


def _start_node(stack: ExitStack, cluster: Cluster, name: str, *, peers: Sequence[str]) -> Node:
    """Start a node, which joins the running one of its peers."""
    port, folder = free_port(), cluster.home / name
    folder.mkdir()
    known = (f"cluster_formation.classic_config.nodes.{number} = {peer}" for number, peer in enumerate(peers, 1))
    (folder / "rabbitmq.conf").write_text("\n".join([*CONFIGURATION, *known, ""]))
    _give(folder)
    env = _environment(cluster.home, cluster.epmd_port) | {
        "RABBITMQ_NODENAME": name,
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_MNESIA_DIR": str(folder / "data"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
    }
    server = _start(stack, [str(COMMANDS / "rabbitmq-server")], env, cluster.home / f"{name}.log")
    node = Node(name, port, server)
    cluster.nodes.append(node)
    return node


def _wait_for(node: Node) -> None:
    wait_until(lambda: _accepts(node.port) or node.server.poll() is not None, PATIENCE, f"{node.name} to answer")
    assert node.server.poll() is None, f"{node.name} ended"


def _start(stack: ExitStack, command: list[str], env: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=env, cwd=log.parent, stdout=output, stderr=output, start_new_session=True, **_user()
        )
    stack.callback(_kill, process)
    return process


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _write_files(home: Path) -> None:
    (home / "plugins").write_text("[].")
    cookie = home / ".erlang.cookie"
    cookie.write_text(secrets.token_hex(16))
    cookie.chmod(0o400)
    for path in home.iterdir():
        _give(path)


def _environment(home: Path, epmd_port: int) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "ERL_EPMD_PORT": str(epmd_port),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
        "RABBITMQ_MNESIA_BASE": str(home),
        "RABBITMQ_LOG_BASE": str(home),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": FRUGAL,
    }


def _user() -> dict[str, Any]:
    """Return the arguments by which a process of root runs as the user of the package."""
    if os.geteuid() != 0:
        return {}
    return {"user": USER, "group": getpwnam(USER).pw_gid, "extra_groups": []}


def _give(path: Path) -> None:
    if os.geteuid() == 0:
        user = getpwnam(USER)
        os.chown(path, user.pw_uid, user.pw_gid)


def _accepts(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False

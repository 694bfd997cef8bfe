"""The watch of the embedded servers, with a real Valkey that is killed or frozen."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from app.ops.embedded import Health, Valkey
from app.ops.embedded.valkey_ping import ping
from app.ops.stack.server_watch import ServerWatch
from tests.support.processes import wait_until

PATIENCE = 60  # seconds


@pytest.fixture
def broker() -> Iterator[Valkey]:
    with TemporaryDirectory(prefix="relance-watch-", dir="/tmp") as folder:
        server = Valkey(Path(folder) / "valkey", "a password")
        server.start()
        yield server
        server.stop()


@contextmanager
def watched(server: Valkey, *, mute_patience: float = 15) -> Iterator[list[str]]:
    said: list[str] = []
    watch = ServerWatch({"Valkey": server}, said.append, mute_patience=mute_patience)
    watch.start()
    yield said
    watch.stop()


def test_ping_is_answered_only_with_the_password(broker: Valkey) -> None:
    assert ping(broker.port, broker.password) == "+PONG"
    with pytest.raises(ConnectionError, match="is not ours"):
        ping(broker.port, "another password")
    with pytest.raises(OSError, match="refused"):
        ping(9, broker.password)


def test_frozen_valkey_is_named_and_restarted_on_its_port_and_never_doubled(broker: Valkey) -> None:
    frozen, port = broker.pid() or 0, broker.port
    with watched(broker, mute_patience=1) as said:
        os.kill(frozen, signal.SIGSTOP)
        wait_until(lambda: broker.pid() not in (None, frozen) and broker.is_running(), PATIENCE, "the restart")

    assert broker.port == port
    assert broker.pids() == [broker.pid()]
    assert said[0].startswith(f"Valkey runs (process {frozen}), but has not answered for")


def test_valkey_that_is_frozen_for_a_moment_is_left_alone(broker: Valkey) -> None:
    pid = broker.pid() or 0
    with watched(broker) as said:
        os.kill(pid, signal.SIGSTOP)
        assert broker.health() is Health.MUTE
        os.kill(pid, signal.SIGCONT)

    assert (broker.pids(), said) == ([pid], [])


def test_valkey_that_refuses_writes_is_left_alone(broker: Valkey) -> None:
    """As with a full disk: a refused PING is an answer."""
    pid = broker.pid()
    broker.client().config_set("maxmemory", "1")
    with watched(broker, mute_patience=0) as said:
        assert broker.health() is Health.ANSWERS

    assert (broker.pid(), said) == (pid, [])


def test_killed_valkey_is_started_again(broker: Valkey) -> None:
    killed = broker.pid() or 0
    with watched(broker) as said:
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: broker.is_running() and broker.pid() != killed, PATIENCE, "the restart")

    assert said == ["Valkey has stopped; restarting it ..."]


def test_start_that_fails_is_reported(broker: Valkey) -> None:
    (broker.folder / "appendonlydir").rename(broker.folder / "kept")
    broker.kill()
    (broker.folder / "appendonlydir").write_text("not a folder")
    with watched(broker) as said:
        wait_until(lambda: any("does not start" in line for line in said), PATIENCE, "the report")

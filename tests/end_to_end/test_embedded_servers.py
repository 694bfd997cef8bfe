"""The embedded PostgreSQL and Valkey servers, each in its own folder."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from sqlalchemy import create_engine, text

from app.core.database.plain_url import plain_url
from app.ops.embedded import CannotStart, Health, Postgres, Valkey, free_port, is_taken
from app.ops.embedded.account import SYSTEM_USER
from app.ops.embedded.folder_lock import folder_lock
from app.ops.embedded.folder_permissions import allow_traversal, closed_parents
from app.ops.embedded.ports import LOOPBACK
from app.ops.embedded.postgres_install import programs
from app.ops.embedded.processes import is_alive, processes_in
from tests.support.environment import ROOT

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="relance-embedded-", dir="/tmp") as name:
        yield Path(name)


@pytest.fixture
def server(folder: Path) -> Iterator[Postgres]:
    server = Postgres(folder / "postgres", fast=True, notice=lambda _: None)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def broker(folder: Path) -> Iterator[Valkey]:
    broker = Valkey(folder / "valkey", 'a "pass" / word#')
    broker.start()
    yield broker
    broker.stop()


def count_rows(server: Postgres) -> int:
    with server.connect() as connection:
        return len(connection.execute("SELECT FROM kept").fetchall())


def test_killed_postgres_keeps_committed_rows(server: Postgres) -> None:
    with server.connect() as connection:
        connection.execute("CREATE TABLE kept (number integer)")
        connection.execute("INSERT INTO kept VALUES (1), (2)")

    server.kill()
    assert not server.is_running()
    server.start()

    assert count_rows(server) == 2


def test_running_server_is_reused(server: Postgres) -> None:
    again = Postgres(server.folder, fast=True)

    again.start()

    assert again.pid() == server.pid()


def test_postgres_starts_despite_a_stale_pid_file(server: Postgres) -> None:
    server.stop()
    (server.data / "postmaster.pid").write_text(f"{os.getpid()}\n{server.data}\n1\n5432\n\n\n\nready\n")

    assert not server.is_running()
    server.start()

    assert server.is_running()


def test_application_role_owns_no_tables(server: Postgres) -> None:
    server.prepare("relance")
    server.prepare("relance")  # the second start changes nothing

    with server.connect() as connection:
        owned = connection.execute(
            "SELECT rolsuper, pg_has_role('relance_web', 'relance_app', 'member') FROM pg_roles "
            "WHERE rolname = 'relance_web'"
        ).fetchone()
    assert owned == (False, True)


def test_postgres_is_reachable_only_by_the_owner_of_its_folder(server: Postgres) -> None:
    assert server.data.stat().st_mode & 0o077 == 0
    with server.connect() as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_deep_data_folder_gets_a_short_socket_folder(folder: Path) -> None:
    deep = Postgres(folder / ("d" * 60) / ("e" * 60), fast=True, notice=lambda _: None)

    assert len(str(deep.socket_folder)) < 60
    deep.start()
    try:
        assert deep.is_running()
        assert deep.connect().execute("SELECT 1").fetchone() == (1,)
    finally:
        deep.stop()


def test_servers_run_in_a_folder_with_spaces_quotes_and_commas(folder: Path) -> None:
    strange = folder / 'Léa\'s "data", 50% + \\ more'
    server, broker = (
        Postgres(strange / "postgres", fast=True, notice=lambda _: None),
        Valkey(strange / "valkey", "word"),
    )
    try:
        server.start()
        server.prepare("relance")
        broker.start()
        with create_engine(server.url(user="relance_web")).connect() as connection:
            assert connection.scalar(text("SELECT 1")) == 1
        psycopg.connect(plain_url(server.url(user="relance_web"))).close()
        assert Path(broker.client().config_get("dir")["dir"]) == strange / "valkey"
    finally:
        broker.stop()
        server.stop()
    assert {path.name for path in strange.iterdir()} == {"postgres", "valkey"}


@as_root
def test_missing_system_user_is_created_although_path_lacks_sbin(folder: Path) -> None:
    """In a mount namespace with a copy of /etc, in which the user is missing."""
    script = f"""
        cp -a /etc "{folder}/etc" && sed -i /{SYSTEM_USER}/d "{folder}"/etc/passwd "{folder}"/etc/group \
            "{folder}"/etc/shadow "{folder}"/etc/gshadow && mount --bind "{folder}/etc" /etc || exit 77
        "{sys.executable}" -c 'from app.ops.embedded.account import account_for_postgres; print(account_for_postgres())'
    """
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        cwd=ROOT,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode == 77:
        pytest.skip(f"no mount namespace here: {done.stderr}")
    assert done.stdout.startswith("Account(uid="), done.stderr
    assert SYSTEM_USER in (folder / "etc/passwd").read_text()


@as_root
def test_user_without_an_account_is_refused_before_anything_is_written(folder: Path) -> None:
    """As in a container with `--user`: initdb needs the user's name."""
    script = """
import os, pathlib, sys
from app.ops.embedded import CannotStart, Postgres
os.seteuid(54321)
try:
    Postgres(pathlib.Path(sys.argv[1])).start()
except CannotStart as refusal:
    print(refusal)
"""
    folder.chmod(0o777)
    done = subprocess.run(
        [sys.executable, "-c", script, folder / "data"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert "the user id 54321, which has no account on this machine" in done.stdout, done.stderr
    assert list(folder.iterdir()) == []


def test_restarted_valkey_keeps_messages_and_port(broker: Valkey) -> None:
    broker.client().lpush("steps", "message")
    port = broker.port

    broker.restart()

    assert broker.port == port
    assert broker.client().lrange("steps", 0, -1) == [b"message"]


def test_killed_valkey_restarts_on_its_port(broker: Valkey) -> None:
    port = broker.port

    broker.kill()
    assert not broker.is_running()
    broker.start()

    assert broker.port == port


def test_valkey_never_evicts_and_listens_on_loopback_with_a_password(broker: Valkey) -> None:
    settings = broker.client().config_get("*")

    assert settings["maxmemory-policy"] == "noeviction"
    assert settings["appendonly"] == "yes"
    assert settings["bind"] == LOOPBACK
    assert settings["requirepass"] == broker.password
    assert (broker.folder / "valkey.conf").stat().st_mode & 0o077 == 0


def test_valkey_chooses_another_port_if_its_port_is_taken(broker: Valkey, folder: Path) -> None:
    other = Valkey(folder / "other", "another password")
    other.folder.mkdir()
    (other.folder / "port").write_text(str(broker.port))

    other.start()
    try:
        assert other.port != broker.port
    finally:
        other.stop()


def test_port_is_taken_while_a_server_listens(broker: Valkey) -> None:
    assert is_taken(broker.port)
    assert not is_taken(free_port())


@as_root
def test_private_folder_becomes_traversable_with_a_notice(folder: Path) -> None:
    private = folder / "private"
    private.mkdir(mode=0o700)
    folder.chmod(0o755)
    notices: list[str] = []

    allow_traversal(programs=programs(), data=private / "data", notice=notices.append)

    assert len(notices) == 1
    assert str(private) in notices[0]
    assert private.stat().st_mode & 0o777 == 0o711
    assert not closed_parents(private / "data")


@as_root
def test_private_home_stays_closed_without_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path("/root")
    if home.stat().st_mode & 0o001:
        pytest.skip("root's home is open on this machine already")
    monkeypatch.delenv("RELANCE_OPEN_HOME", raising=False)
    before = home.stat().st_mode

    with pytest.raises(CannotStart, match="RELANCE_OPEN_HOME=1") as refusal:
        allow_traversal(programs=programs(), data=home / "relance" / "data", notice=print)

    assert "\n" not in str(refusal.value)
    assert home.stat().st_mode == before


def test_mute_valkey_is_ended_and_started_again_on_its_port(broker: Valkey) -> None:
    broker.client().lpush("steps", "message")
    port, frozen = broker.port, broker.pid() or 0

    os.kill(frozen, signal.SIGSTOP)
    assert broker.health() is Health.MUTE
    broker.start()

    assert broker.port == port
    assert broker.pids() == [broker.pid()] != [frozen]
    assert broker.client().lrange("steps", 0, -1) == [b"message"]


def test_mute_postgres_is_ended_and_started_again(server: Postgres) -> None:
    with server.connect() as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
    frozen = server.pid() or 0

    os.kill(frozen, signal.SIGSTOP)
    assert server.health() is Health.MUTE
    server.start()

    assert server.pid() != frozen
    assert not is_alive(frozen, "postgres")
    assert count_rows(server) == 1


def test_valkey_that_refuses_writes_is_not_mute(broker: Valkey) -> None:
    pid = broker.pid()
    broker.client().config_set("maxmemory", "1")

    assert broker.health() is Health.ANSWERS
    broker.start()

    assert broker.pid() == pid


def test_second_valkey_cannot_start_in_the_folder_of_a_running_one(broker: Valkey) -> None:
    """As in another container: the first one's process is not seen from there, but its lock is."""
    with pytest.raises(CannotStart, match="another server still runs in"), folder_lock(broker.folder, patience=0.1):
        pytest.fail("the lock was free")


def test_second_postgres_cannot_start_in_the_folder_of_a_running_one(server: Postgres) -> None:
    with pytest.raises(CannotStart, match="another server still runs in"), folder_lock(server.folder, patience=0.1):
        pytest.fail("the lock was free")


def test_valkey_of_another_password_in_the_folder_is_ended_before_the_start(broker: Valkey) -> None:
    """Its secrets were deleted: the first server answers nobody any more."""
    first = broker.pid() or 0
    changed = Valkey(broker.folder, "another password")

    changed.start()
    try:
        assert not is_alive(first, "valkey-server")
        assert changed.pids() == [changed.pid()]
    finally:
        changed.stop()


def test_stop_ends_a_server_that_a_signal_has_stopped(broker: Valkey, server: Postgres) -> None:
    pids = [broker.pid() or 0, server.pid() or 0]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)

    broker.stop()
    server.stop()

    assert not any(is_alive(pid, name) for pid, name in zip(pids, ("valkey-server", "postgres"), strict=True))


def test_start_shuts_down_a_server_with_stopped_sessions(server: Postgres) -> None:
    first = server.pid() or 0
    with server.connect():
        for pid in (first, *processes_in(server.data, "postgres")):
            os.kill(pid, signal.SIGSTOP)

        server.start()

    assert server.pid() not in {None, first}
    log = "".join(file.read_text() for file in (server.data / "log").glob("*.log"))
    assert "database system is shut down" in log
    assert "was not properly shut down" not in log


def test_restart_keeps_the_port_that_clients_know_even_if_another_server_took_it(broker: Valkey) -> None:
    port = broker.port
    broker.kill()
    with socket.create_server(("127.0.0.1", port)), pytest.raises(CannotStart):
        broker.start()

    broker.start()

    assert broker.port == port

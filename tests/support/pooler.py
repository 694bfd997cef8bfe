"""A PgBouncer in transaction mode in front of the tests' PostgreSQL, where PgBouncer is installed."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from app.ops.cli.init import store_session_settings
from app.ops.embedded import Postgres, free_port
from tests.support.environment import is_pooled, this_process
from tests.support.processes import wait_until

needs_direct_connections = pytest.mark.skipif(is_pooled(), reason="statements are not prepared behind a pooler")
LOGINS = ("relance_web", "postgres")


@pytest.fixture
def pooler(postgres: Postgres) -> Iterator[Callable[..., int]]:
    """Start poolers: `pooler(drops_options=True)` returns the port of a running one."""
    if shutil.which("pgbouncer") is None:
        pytest.skip("PgBouncer is not installed (Debian: apt install pgbouncer)")
    with ExitStack() as stack:
        yield lambda **given: stack.enter_context(pgbouncer(postgres, **given))


@contextmanager
def stored_settings(server: Postgres) -> Iterator[None]:
    """Store the session settings with the application's login, as `relance init --login` does."""
    with server.connect("relance") as owner:
        store_session_settings(owner, sql.Identifier("relance_web"))
    yield
    with server.connect("relance") as owner:
        owner.execute("ALTER ROLE relance_web RESET ALL")


@contextmanager
def pgbouncer(
    server: Postgres, *, drops_options: bool = False, connections: int = 4, port: int | None = None
) -> Iterator[int]:
    """Run PgBouncer with few server connections, so that clients share them. Yields its port."""
    port, folder = port or free_port(), Path(tempfile.mkdtemp(prefix="pooler", dir=this_process()))
    folder.chmod(0o755)
    _configure(folder, server, port, drops_options=drops_options, connections=connections)
    with (folder / "log").open("w") as log:
        command = ["pgbouncer", *_as_owner_of(server), str(folder / "pgbouncer.ini")]
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: _answers(port), 60, "PgBouncer to answer")
        yield port
    finally:
        process.kill()
        process.wait()


def _configure(folder: Path, server: Postgres, port: int, *, drops_options: bool, connections: int) -> None:
    (folder / "users").write_text("".join(f'"{login}" ""\n' for login in LOGINS))
    ignored = "extra_float_digits, options" if drops_options else "extra_float_digits"
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={server.folder / 'data'}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = trust\n"
        f"auth_file = {folder / 'users'}\npool_mode = transaction\ndefault_pool_size = {connections}\n"
        f"ignore_startup_parameters = {ignored}\nserver_round_robin = 1\nserver_login_retry = 1\n"
    )


def _as_owner_of(server: Postgres) -> list[str]:
    """Return the option with which root runs PgBouncer as the user of the server, who may enter its folder."""
    if os.geteuid():
        return []
    return ["-u", pwd.getpwuid((server.folder / "data").stat().st_uid).pw_name]


def _answers(port: int) -> bool:
    try:
        psycopg.connect(f"host=127.0.0.1 port={port} user=relance_web dbname=relance", connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True

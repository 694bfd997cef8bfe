"""Fixtures: a PostgreSQL and a Valkey for each test process, started when the first test asks.

postgres, valkey                    the servers: `.restart()`, `.kill()`, `.start()`, `.stop()`, `.flush()`
database_url, owner_database_url    strings; the database is migrated
broker_url                          string
clean_database, clean_broker        empty before the test, and running, whatever the test before did to them
new_database                        makes one more migrated database: `new_database("name")` -> its owner's URL
"""

import fcntl
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from itertools import count

import psycopg
import pytest
from psycopg import sql
from redis import Redis, RedisError
from sqlalchemy import make_url

from app.core import db
from app.engine import broker
from app.engine.steps import publish
from app.ops.embedded import CannotStart, Postgres, Valkey
from app.ops.embedded.folder_permissions import allow_traversal
from app.ops.embedded.postgres_install import programs
from app.security import rate_counters
from tests.support import environment
from tests.support.environment import this_process, this_run
from tests.support.fork_server import run_module
from tests.support.pooler import pgbouncer, stored_settings

TEMPLATE = "relance_template"
KEPT = ("alembic_version",)
_numbers = count(1)


def pytest_configure(config: pytest.Config) -> None:
    """As root: say at once, in one line, that a private home is in PostgreSQL's way."""
    if os.geteuid() == 0 and not hasattr(config, "workerinput"):
        try:
            allow_traversal(programs=programs(), data=this_process(), notice=print)
        except CannotStart as refusal:
            raise pytest.UsageError(str(refusal)) from None


def pytest_unconfigure(config: pytest.Config) -> None:
    """The process that began the run ends it; its helpers' servers are stopped by then, or are now."""
    if not hasattr(config, "workerinput"):
        environment.remove(environment.this_run())


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Running, with the database `relance` migrated to the newest version."""
    server = Postgres(this_process() / "postgres", fast=True)
    _copy_migrated(server)
    server.start()
    copy_template(server, "relance")
    with _pooled(server) if environment.is_pooled() else nullcontext():
        yield server
    server.stop()


@contextmanager
def _pooled(server: Postgres) -> Iterator[None]:
    """Run the PgBouncer that every query of the application passes through (RELANCE_TEST_POOLER)."""
    with stored_settings(server), pgbouncer(server, port=make_url(os.environ["DATABASE_URL"]).port, connections=6):
        yield


def _copy_migrated(server: Postgres) -> None:
    """Fill its data folder with a migrated template database. One process of the run makes it, the others copy it."""
    migrated = Postgres(this_run() / "migrated", fast=True)
    with (this_run() / "migrated.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not migrated.folder.exists():
            migrated.start()
            migrated.prepare(TEMPLATE)
            migrate(migrated.url(TEMPLATE))
            migrated.stop()
    subprocess.run(["cp", "-a", str(migrated.folder), str(server.folder)], check=True)


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    """Running, empty at first."""
    server = Valkey(this_process() / "valkey", environment.BROKER_PASSWORD, wanted_port=environment.broker_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def database_url(postgres: Postgres) -> str:
    """Login of the application. It owns no table."""
    return os.environ["DATABASE_URL"]


@pytest.fixture(scope="session")
def owner_database_url(postgres: Postgres) -> str:
    """Login for migrations."""
    return os.environ["OWNER_DATABASE_URL"]


@pytest.fixture(scope="session")
def broker_url(valkey: Valkey) -> str:
    """URL of the broker, with its password."""
    return os.environ["BROKER_URL"]


@pytest.fixture
def clean_database(postgres: Postgres) -> None:
    empty_database(postgres)


@pytest.fixture
def clean_broker(valkey: Valkey) -> None:
    publish.flush()  # else messages of the test before may arrive after the broker is emptied
    empty_broker(valkey)


@pytest.fixture
def new_database(postgres: Postgres) -> Callable[[str], str]:
    """Makes one more migrated, empty database; takes the start of its name, returns the owner's URL."""

    def make(name: str = "another") -> str:
        unique = f"{name}_{next(_numbers)}"
        copy_template(postgres, unique)
        return environment.database_url("postgres", unique)

    return make


def empty_database(server: Postgres) -> None:
    """Delete all rows. A server that the test before stopped or restarted is up again.

    The kept connection shows whether it runs: `start` opens one each time.
    """
    try:
        empty_every_table(server)
    except psycopg.OperationalError:  # the test before stopped it
        _emptiers.clear()
        server.start()
        empty_every_table(server)
    if _is_another("postgres", server.pid()):
        db.dispose()


def empty_broker(valkey: Valkey) -> None:
    """Delete all messages. A broker that the test before stopped or restarted is up again."""
    try:
        _client().flushall()
    except RedisError:  # the test before stopped it
        valkey.start()
        valkey.flush()
    if _is_another("valkey", valkey.pid()):
        broker.celery.pool.resize(broker.celery.pool.limit, reset=True)
    rate_counters._away_until = rate_counters._split_until = 0.0  # the test before may have stopped it


def empty_every_table(server: Postgres) -> None:
    """Delete all rows. A function of the session's own does it, for it plans its statements once."""
    owner = connection_past_all_checks(server)
    names = tuple(row[0] for row in owner.execute(_TABLES, [list(KEPT)]).fetchall())
    if _emptied_by.get(owner) != names:  # tests make tables, too
        owner.execute(_emptying(names))
        _emptied_by[owner] = names
    for is_last in (False, False, True):
        try:
            owner.execute("SELECT pg_temp.empty_every_table()")
        except psycopg.errors.DeadlockDetected:  # with a worker that ends the work of the test before
            if is_last:
                raise
        else:
            return


def _emptying(names: Iterable[str]) -> sql.Composed:
    """TRUNCATE costs ten times as much for a few rows, and is for tables with many."""
    one = """
        IF EXISTS (SELECT FROM {0} OFFSET 1000) THEN TRUNCATE {0} CASCADE;
        ELSIF EXISTS (SELECT FROM {0}) THEN DELETE FROM {0}; END IF;
    """
    body = sql.SQL("").join(sql.SQL(one).format(sql.Identifier("public", name)) for name in names)
    return sql.SQL(
        "CREATE OR REPLACE FUNCTION pg_temp.empty_every_table() RETURNS void LANGUAGE plpgsql AS $$ BEGIN {} END $$"
    ).format(body)


@cache
def _client() -> Redis:
    """Kept, for making one takes longer than what it is for."""
    return Redis.from_url(os.environ["BROKER_URL"], socket_timeout=5)


def connection_past_all_checks(server: Postgres) -> psycopg.Connection:
    """The owner's connection, kept while that server runs: each new one would read the whole catalogue anew."""
    pid = server.pid()
    if pid not in _emptiers:
        _emptiers.clear()
        _emptied_by.clear()
        owner = _emptiers[pid] = server.connect("relance")
        owner.execute("SET lock_timeout = '20s'")  # say so, rather than wait for a transaction somebody left open
        owner.execute("SET session_replication_role = replica")  # the record of who saw what refuses to be emptied
    return _emptiers[pid]


_TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> ALL (%s)
ORDER BY relname
"""


def migrate(url: str, *, way: str = "upgrade", to: str = "head") -> None:
    """Run every migration as the owner, in a process of its own as in production; or some of them, or back."""
    done = run_module("alembic", way, to, env={**os.environ, "OWNER_DATABASE_URL": url})
    if done.returncode:
        pytest.exit(f"the migrations fail:\n{done.stdout}{done.stderr}", returncode=1)


def copy_template(server: Postgres, name: str) -> None:
    """Create a migrated database by copying files."""
    with server.connect() as owner:
        owner.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(TEMPLATE)
            )
        )


def _is_another(server: str, pid: int | None) -> bool:
    """Whether a test before has started it again: connections to the one that was are dead."""
    before, _seen[server] = _seen.get(server, pid), pid
    return before != pid


_seen: dict[str, int | None] = {}
_emptiers: dict[int | None, psycopg.Connection] = {}
_emptied_by: dict[psycopg.Connection, tuple[str, ...]] = {}

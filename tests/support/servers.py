"""Fixtures: a PostgreSQL and a Valkey for each test process, started when the first test asks.

postgres, valkey                    the servers: `.restart()`, `.kill()`, `.start()`, `.stop()`, `.flush()`
database_url, owner_database_url    strings; the database is migrated
broker_url                          string
clean_database, clean_broker        empty before the test, and running, whatever the test before did to them
new_database                        makes one more migrated database: `new_database("name")` -> its owner's URL
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count

import psycopg
import pytest
from psycopg import sql
from redis import Redis, RedisError

from app.core import db
from app.engine import broker
from app.ops.embedded import CannotStart, Postgres, Valkey
from app.ops.embedded.folders import open_the_way
from app.ops.embedded.postgres_install import programs
from app.security import rate_counters
from tests.support import environment
from tests.support.environment import ROOT, this_process

TEMPLATE = "relance_template"
KEPT = ("alembic_version",)
_numbers = count(1)


def pytest_configure(config: pytest.Config) -> None:
    """As root: say at once, in one line, that a private home is in PostgreSQL's way."""
    if os.geteuid() == 0 and not hasattr(config, "workerinput"):
        try:
            open_the_way(programs=programs(), data=this_process(), notice=print)
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
    server.start()
    server.prepare(TEMPLATE)
    migrate(server.url(TEMPLATE))
    copy_template(server, "relance")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    """Running, empty at first."""
    server = Valkey(this_process() / "valkey", environment.BROKER_PASSWORD, wanted_port=environment.broker_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def database_url(postgres: Postgres) -> str:
    """The application's login, which owns no table."""
    return os.environ["DATABASE_URL"]


@pytest.fixture(scope="session")
def owner_database_url(postgres: Postgres) -> str:
    """The login that migrates."""
    return os.environ["OWNER_DATABASE_URL"]


@pytest.fixture(scope="session")
def broker_url(valkey: Valkey) -> str:
    """The broker, password included."""
    return os.environ["BROKER_URL"]


@pytest.fixture
def clean_database(postgres: Postgres) -> None:
    """Empty tables. A server that the test before stopped or restarted is up again."""
    postgres.start()
    if _is_another("postgres", postgres.pid()):
        db.dispose()
    empty_every_table(postgres)


@pytest.fixture
def clean_broker(valkey: Valkey) -> None:
    """No message anywhere."""
    try:
        _client().flushall()
    except RedisError:  # the test before stopped it
        valkey.start()
        valkey.flush()
    if _is_another("valkey", valkey.pid()):
        broker.celery.pool.resize(broker.celery.pool.limit, reset=True)
    rate_counters._away_until = 0.0  # the test before may have stopped it


@pytest.fixture
def new_database(postgres: Postgres) -> Callable[[str], str]:
    """Makes one more migrated, empty database; takes the start of its name, returns the owner's URL."""

    def make(name: str = "another") -> str:
        unique = f"{name}_{next(_numbers)}"
        copy_template(postgres, unique)
        return environment.database_url("postgres", unique)

    return make


def empty_every_table(server: Postgres) -> None:
    """Delete all rows. TRUNCATE costs ten times as much for a few rows, and is for tables with many."""
    owner = _emptier(server)
    filled = owner.execute(_filled(owner)).fetchall()
    ways = {False: "DELETE FROM {}", True: "TRUNCATE {} CASCADE"}
    statements = [sql.SQL(ways[is_big]).format(sql.Identifier(name)) for name, is_big in filled]
    owner.execute(sql.SQL("; ").join(statements))


@cache
def _client() -> Redis:
    """Kept, for making one takes longer than what it is for."""
    return Redis.from_url(os.environ["BROKER_URL"], socket_timeout=5)


def _emptier(server: Postgres) -> psycopg.Connection:
    """The owner's connection, kept while that server runs: each new one would read the whole catalogue anew."""
    pid = server.pid()
    if pid not in _emptiers:
        _emptiers.clear()
        owner = _emptiers[pid] = server.connect("relance")
        owner.execute("SET lock_timeout = '20s'")  # say so, rather than wait for a transaction somebody left open
        owner.execute("SET session_replication_role = replica")  # the record of who saw what refuses to be emptied
    return _emptiers[pid]


def _filled(owner: psycopg.Connection) -> sql.Composed:
    """Which tables have rows, and whether many; asked anew each time, for tests make tables, too."""
    names = [row[0] for row in owner.execute(_TABLES, [list(KEPT)]).fetchall()]
    one = "SELECT {0}, EXISTS (SELECT FROM {1} OFFSET 1000) WHERE EXISTS (SELECT FROM {1})"
    return sql.SQL(" UNION ALL ").join(sql.SQL(one).format(name, sql.Identifier(name)) for name in names)


_TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> ALL (%s)
"""


def migrate(url: str, *, way: str = "upgrade", to: str = "head") -> None:
    """Run every migration as the owner, in a process of its own as in production; or some of them, or back."""
    done = subprocess.run(
        [sys.executable, "-m", "alembic", way, to],
        cwd=ROOT,
        env={**os.environ, "OWNER_DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.exit(f"the migrations fail:\n{done.stdout}{done.stderr}", returncode=1)


def copy_template(server: Postgres, name: str) -> None:
    """A migrated database, as a copy of files."""
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

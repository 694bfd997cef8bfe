"""A temporary PostgreSQL and a temporary Valkey for a benchmark, shared by all contestants.

They are the servers `make run` starts, with its settings: PostgreSQL waits for the disk at each commit, Valkey keeps
its append-only file.
"""

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg import sql

from app.ops.embedded import Postgres, Valkey

DURABILITY = ("fsync", "synchronous_commit", "full_page_writes")
SHOWN = ("server_version", *DURABILITY, "shared_buffers", "max_wal_size", "track_commit_timestamp")


class NotDurable(Exception):
    """A server responds before the data is on disk, so the figures would be too good."""


@dataclass(frozen=True)
class Servers:
    """The two servers, with methods to reset them."""

    folder: Path
    postgres: Postgres
    valkey: Valkey

    @property
    def broker_url(self) -> str:
        """Return the `redis://` URL of database 0, with its password."""
        return self.valkey.url

    def database_url(self, name: str = "bench") -> str:
        """Return the `postgresql://` URL of a database, as its owner, over the server's Unix socket."""
        return self.postgres.url(name).replace("postgresql+psycopg://", "postgresql://")

    def fresh_database(self, name: str = "bench") -> str:
        """Drop the database if it is there, create it empty, and return its URL."""
        with self.postgres.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            connection.execute("CHECKPOINT")  # so that the writes of the previous run cost the next one nothing
        return self.database_url(name)

    def flush_broker(self) -> None:
        """Delete all messages."""
        self.valkey.flush()

    def settings(self) -> dict[str, str]:
        """Return versions and settings as the servers report them."""
        with self.postgres.connect() as connection, self.valkey.client() as client:
            shown = {name: connection.execute(sql.SQL("SHOW {}").format(sql.Identifier(name))) for name in SHOWN}
            postgres = {name: str(cursor.fetchall()[0][0]) for name, cursor in shown.items()}
            valkey = {name: str(client.config_get(name)[name]) for name in ("appendonly", "appendfsync")}
            return {**postgres, "valkey_version": str(client.info("server")["valkey_version"]), **valkey}


@contextmanager
def running_servers() -> Iterator[Servers]:
    """Start both servers in a temporary folder (TMPDIR chooses the disk); stop and remove them at the end."""
    folder = Path(tempfile.mkdtemp(prefix="relance-bench-"))
    postgres = Postgres(folder / "pg", notice=lambda _: None)
    valkey = Valkey(folder / "valkey", password=secrets.token_hex(16))
    try:
        postgres.start()
        _stamp_commits(postgres)
        valkey.start()
        servers = Servers(folder, postgres, valkey)
        _refuse_unless_durable(servers)
        yield servers
    finally:
        valkey.stop()
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _stamp_commits(postgres: Postgres) -> None:
    """Check that the server records commit timestamps, which all lateness figures use."""
    with postgres.connect() as connection:
        connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    postgres.restart()


def _refuse_unless_durable(servers: Servers) -> None:
    settings = servers.settings()
    if any(settings[name] != "on" for name in DURABILITY) or settings["appendonly"] != "yes":
        raise NotDurable(settings)

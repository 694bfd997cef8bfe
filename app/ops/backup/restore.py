"""Restore a backup, in one transaction: either all of it is there, and held, or nothing has changed."""

import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import PIPE
from typing import IO, Final
from zipfile import BadZipFile, ZipFile

from alembic import command
from sqlalchemy import Connection, create_engine, pool, text
from sqlalchemy.exc import ProgrammingError

from app import clock
from app.config import get_settings
from app.core.db import new_id
from app.ops.backup.backup import DUMP, MANIFEST
from app.ops.backup.errors import CannotRestore
from app.ops.backup.manifest import Manifest, parse_manifest, server_major
from app.ops.backup.tools import Tools, find_tools, last_error, libpq_environment
from app.ops.stack.access import create_roles, repair_access
from app.ops.stack.migrations import alembic_configuration

CHUNK: Final = 1 << 20  # bytes
FIRST_WITH_TRANSACTION_TIMEOUT: Final = 17  # older servers do not know a setting that newer programs write
_TRANSACTION_TIMEOUT: Final = b"SET transaction_timeout = 0;\n"
_HEADER_BYTES: Final = 2000
# A server process ends shortly after its client. A restore right after the last process stopped waits for it.
PATIENCE: Final = 2.0  # seconds
POLL_INTERVAL: Final = 0.05  # seconds

_OTHERS: Final = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND backend_type = 'client backend'"
)
_TABLES: Final = text(
    "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
)
_EMPTY: Final = """
DO $$ DECLARE one record; BEGIN
  FOR one IN SELECT c.oid::regclass AS name FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
    AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
  LOOP EXECUTE 'DROP TABLE IF EXISTS ' || one.name || ' CASCADE'; END LOOP;
  FOR one IN SELECT p.oid::regprocedure AS name FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
  LOOP EXECUTE 'DROP ROUTINE IF EXISTS ' || one.name || ' CASCADE'; END LOOP;
END $$;
"""


@contextmanager
def open_backup(file: Path) -> Iterator[tuple[ZipFile, Manifest]]:
    """Open a backup and read its manifest. Raises CannotRestore (when it is missing, damaged or no backup)."""
    try:
        archive = ZipFile(file)
    except (OSError, BadZipFile) as error:
        raise CannotRestore(f"{file} is no readable backup: {error}") from None
    with archive:
        if archive.testzip() or not {DUMP, MANIFEST} <= {*archive.namelist()}:
            raise CannotRestore(f"{file} is damaged or no backup of Relance")
        yield archive, parse_manifest(archive.read(MANIFEST))


def restore(archive: ZipFile, manifest: Manifest, *, replace: bool) -> None:
    """Restore the dump, held. Then run newer migrations and make the grants.

    `replace`: drop what is in the database. Raises CannotRestore, ToolsMissing.
    """
    engine = create_engine(get_settings().owner_url, poolclass=pool.NullPool)
    with engine.begin() as connection:
        major = server_major(connection)
        _check_target(connection, manifest, replace=replace)
        try:
            create_roles(connection)  # the policies in the dump name them
        except ProgrammingError as error:
            raise CannotRestore(f"the roles relance_app and relance_clinic are missing: {error.orig}") from None
    _run_script(archive, manifest, find_tools(major), replace=replace, major=major)
    command.upgrade(alembic_configuration(), "head")
    repair_access()


def _check_target(connection: Connection, manifest: Manifest, *, replace: bool) -> None:
    if (major := server_major(connection)) < manifest.postgres:
        raise CannotRestore(f"the backup is of PostgreSQL {manifest.postgres}, and this server is PostgreSQL {major}")
    if others := _remaining_connections(connection):
        raise CannotRestore(f"{others} other connections use the database: stop all processes of Relance first")
    if not replace and connection.scalar(_TABLES):
        raise CannotRestore("the database is not empty: restore into a new one, or give --replace to drop its content")


def _remaining_connections(connection: Connection) -> int:
    """Return how many other clients are connected once those that are just ending are gone."""
    last = time.monotonic() + PATIENCE
    while (others := int(connection.scalar(_OTHERS) or 0)) and time.monotonic() < last:
        time.sleep(POLL_INTERVAL)
        connection.execute(text("SELECT pg_stat_clear_snapshot()"))  # or the transaction sees the first answer again
    return others


def _run_script(archive: ZipFile, manifest: Manifest, tools: Tools, *, replace: bool, major: int) -> None:
    """Convert the dump to SQL and run it with psql, all in one transaction. An error rolls everything back."""
    options = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null", "--file=-")
    psql = tools.command("psql", *options)
    env = libpq_environment(get_settings().owner_url)
    with tempfile.TemporaryFile() as errors:
        with suppress(BrokenPipeError), subprocess.Popen(psql, env=env, stdin=PIPE, stderr=errors) as program:
            assert program.stdin  # noqa: S101  (a pipe; it breaks when psql stops at an error)
            try:
                _write_script(program.stdin, archive, manifest, tools, replace=replace, major=major)
            except BaseException:
                program.kill()  # the transaction is not committed
                raise
        if program.returncode:
            raise CannotRestore(f"the restore failed, and nothing was changed: {last_error(errors)}")


def _write_script(
    script: IO[bytes], archive: ZipFile, manifest: Manifest, tools: Tools, *, replace: bool, major: int
) -> None:
    script.write(b"BEGIN;\n")  # with an explicit end, so that a script that breaks off is not committed
    if replace:
        script.write(_EMPTY.encode())
    for chunk in _sql_of(archive, tools):
        script.write(chunk if major >= FIRST_WITH_TRANSACTION_TIMEOUT else chunk.replace(_TRANSACTION_TIMEOUT, b"", 1))
    script.write("".join(_closing(manifest)).encode())
    script.close()


def _sql_of(archive: ZipFile, tools: Tools) -> Iterator[bytes]:
    """Yield the dump as SQL. The first chunk has the settings at its beginning."""
    convert = tools.command("pg_restore", "--no-owner", "--no-privileges", "--schema=public", "--file=-")
    with tempfile.TemporaryFile() as errors:
        with subprocess.Popen(convert, stdin=PIPE, stdout=PIPE, stderr=errors) as program:
            assert program.stdin and program.stdout  # noqa: S101, PT018  (pipes)
            feeder = threading.Thread(target=_feed, args=(archive, program.stdin), daemon=True)
            feeder.start()
            yield program.stdout.read(_HEADER_BYTES)
            while chunk := program.stdout.read(CHUNK):
                yield chunk
            feeder.join()
        if program.returncode:
            raise CannotRestore(f"pg_restore cannot read the backup: {last_error(errors)}")


def _feed(archive: ZipFile, target: IO[bytes]) -> None:
    with suppress(BrokenPipeError), target, archive.open(DUMP) as dump:
        while chunk := dump.read(CHUNK):
            target.write(chunk)


def _closing(manifest: Manifest) -> Iterator[str]:
    """Yield the end of the script: compare the counts, and hold the system before anyone can see the rows."""
    yield "\nSET search_path = public;\nDO $$ BEGIN\n"
    for table, number in manifest.counts.items():
        yield (
            f'IF (SELECT count(*) FROM "{table}") <> {number}'  # noqa: S608  (of our own file)
            f" THEN RAISE EXCEPTION 'the table {table} has not the {number} rows of the backup'; END IF;\n"
        )
    yield "END $$;\n"
    because = f"restored from the backup of {manifest.time:%Y-%m-%d %H:%M:%S}Z"
    values = (new_id(), because, clock.now().isoformat(), manifest.time.isoformat())
    quoted = ", ".join(f"'{value}'" for value in values)
    yield f"INSERT INTO holds (id, because, held_at, backup_made_at) VALUES ({quoted});\n"  # noqa: S608  (as above)
    yield "COMMIT;\n"

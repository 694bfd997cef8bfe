"""Make a backup: one zip file with a dump of the database and its manifest, from one snapshot."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final
from zipfile import ZIP_STORED, ZipFile

from sqlalchemy import Connection, create_engine, pool, text
from sqlalchemy.orm import Session

from app.config import get_settings
from app.ops.backup.errors import CannotBackUp
from app.ops.backup.home import OWNER_IS_MISSING
from app.ops.backup.manifest import LEFT_OUT, Manifest, describe_database, server_major
from app.ops.backup.tools import find_tools, last_error, libpq_environment
from app.security.key_verification import describe_problems, find_key_problems

DUMP: Final = "database.dump"  # pg_dump's custom format: compressed, so the zip stores it as it is
MANIFEST: Final = "manifest.json"
_NOT_OWNER: Final = text(
    "SELECT current_user FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname = 'alembic_version'"
    " AND NOT pg_has_role(relowner, 'USAGE')"
)
FIRST_MIGRATION: Final = "0029"  # older schemas have no holds, so they cannot be restored held


def make_backup(file: Path) -> Manifest:
    """Write a backup of the running or stopped system to a new file.

    The file appears under its name when it is complete. Raises CannotBackUp, ToolsMissing.
    """
    if file.exists():
        raise CannotBackUp(f"{file} exists: choose another name, backups are never overwritten")
    engine = create_engine(get_settings().owner_url, poolclass=pool.NullPool)
    _check_database(engine.connect())
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        snapshot = str(connection.scalar(text("SELECT pg_export_snapshot()")))
        manifest = describe_database(connection)
        with _new_file(file) as output, ZipFile(output, "w", ZIP_STORED, allowZip64=True) as archive:
            with archive.open(DUMP, "w", force_zip64=True) as entry:
                _dump(entry, snapshot, server_major(connection))
            archive.writestr(MANIFEST, manifest.to_json())
    return manifest


def _check_database(connection: Connection) -> None:
    """Refuse an old schema, and keys with which the manifest would be wrong."""
    with connection, Session(connection) as session, session.begin():
        if login := session.scalar(_NOT_OWNER):  # who cannot read all tables and sequences
            raise CannotBackUp(f"{OWNER_IS_MISSING}; {login} does not")
        exists = session.scalar(text("SELECT to_regclass('public.alembic_version') IS NOT NULL"))
        migration = session.scalar(text("SELECT version_num FROM alembic_version")) if exists else None
        if migration is None or migration < FIRST_MIGRATION:
            raise CannotBackUp(f"the schema is at revision {migration}: run `relance init` first")
        if problems := find_key_problems(session):
            raise CannotBackUp(f"{describe_problems(problems)}: set the same keys as in the other processes")


@contextmanager
def _new_file(file: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file for its owner only. At the end, write it to disk and rename it; on an error, delete it."""
    draft = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        with open(draft, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as output:
            yield output
            output.flush()
            os.fsync(output.fileno())
        draft.rename(file)
    except OSError as error:
        raise CannotBackUp(f"{file} cannot be written: {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def _dump(output: IO[bytes], snapshot: str, major: int) -> None:
    command = find_tools(major).command(
        *("pg_dump", "--format=custom", f"--snapshot={snapshot}", "--lock-wait-timeout=20s"),
        *("--schema=public", f"--exclude-table-data=public.{LEFT_OUT}"),
    )
    with tempfile.TemporaryFile() as errors:
        environment = libpq_environment(get_settings().owner_url)
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors) as program:
            assert program.stdout  # noqa: S101  (a pipe)
            shutil.copyfileobj(program.stdout, output, 1 << 20)
        if program.returncode:
            raise CannotBackUp(f"pg_dump failed: {last_error(errors)}")

"""A streaming replica of the tests' PostgreSQL, or a copy for a server of its own."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.ops.embedded import Postgres
from app.ops.embedded.account import account_for_postgres
from app.ops.embedded.postgres_install import programs
from tests.support.environment import this_process
from tests.support.processes import wait_until


@contextmanager
def running_replica(primary: Postgres) -> Iterator[Postgres]:
    """Copy the primary and follow it. Yields the replica, which accepts reads, and stops it at the end."""
    with copied_data(primary, "--write-recovery-conf") as folder:
        replica = Postgres(folder, fast=True)
        replica.start()
        try:
            yield replica
        finally:
            replica.stop()


@contextmanager
def copied_data(server: Postgres, *options: str) -> Iterator[Path]:
    """Copy the data of a running server into a folder for another server."""
    folder = Path(tempfile.mkdtemp(prefix="copy", dir=this_process()))
    owner = (server.folder / "data").stat()
    os.chown(folder, owner.st_uid, owner.st_gid)
    account = account_for_postgres().as_popen_arguments() if os.geteuid() == 0 else {}
    command = [programs() / "pg_basebackup", "--checkpoint=fast", "--no-sync", *options]
    address = [f"--host={server.socket_folder}", "--username=postgres", f"--pgdata={folder / 'data'}"]
    subprocess.run([str(part) for part in (*command, *address)], check=True, cwd="/", capture_output=True, **account)
    for lock in (folder / "data").glob(".s.PGSQL.*"):  # copied with the folder
        lock.unlink()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def keep_in_step(primary: Postgres) -> None:
    """Make commits wait for the replica, and wait until it is in step."""
    with primary.connect() as owner:
        owner.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        owner.execute("SELECT pg_reload_conf()")
        state = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
        wait_until(lambda: owner.execute(state).fetchone() == (1,), 60, "the replica to be synchronous")


def is_alone(primary: Postgres) -> None:
    """Let commits no longer wait for a replica."""
    with primary.connect() as owner:
        owner.execute("ALTER SYSTEM RESET synchronous_standby_names")
        owner.execute("SELECT pg_reload_conf()")

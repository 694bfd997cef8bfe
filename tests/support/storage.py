"""Fixture `small_disk`: a folder on a file system of its own with 4 MB, for tests of a full disk.

Skipped where mounting is not allowed (it needs root). `read_only(postgres)` makes the database refuse writes.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from app.ops.embedded import Postgres


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """An empty folder on a small disk. Any user may write there."""
    with TemporaryDirectory(prefix="relance-disk-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=4m,mode=0777", "tmpfs", name], capture_output=True, check=False
        )
        if mounted.returncode:
            pytest.skip("mounting a small disk needs root")
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "--lazy", name], check=True)


def free_bytes(folder: Path) -> int:
    """The space that is left on the folder's disk."""
    return shutil.disk_usage(folder).free


def fill(folder: Path) -> Path:
    """Fill the folder's disk. Deleting the returned file makes space again."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        while free_bytes(folder) > 0:
            file.write(os.urandom(min(free_bytes(folder), 65536)))
    return filler


@contextmanager
def read_only(postgres: Postgres) -> Iterator[None]:
    """Let every session of the server refuse writes."""
    _set_system(postgres, "SET default_transaction_read_only = on")
    try:
        yield
    finally:
        _set_system(postgres, "RESET default_transaction_read_only")


def _set_system(postgres: Postgres, change: str) -> None:
    with postgres.connect() as owner:
        owner.execute("SET default_transaction_read_only = off")
        owner.execute(f"ALTER SYSTEM {change}")
        owner.execute("SELECT pg_reload_conf()")
        owner.execute("SELECT pg_sleep(0.3)")

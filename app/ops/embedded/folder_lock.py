"""Lock of a server's folder: two servers that write to the same files destroy them."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from app.ops.embedded.errors import CannotStart
from app.ops.embedded.processes import wait_until

FILE = "server.lock"
PATIENCE = 5.0  # seconds; helper processes of PostgreSQL end shortly after their server


@contextmanager
def folder_lock(folder: Path, *, patience: float = PATIENCE) -> Iterator[IO[str]]:
    """Lock the folder for the server that the caller starts. The server inherits the open file.

    The kernel releases the lock when the server and all its children have ended, whatever becomes of the caller.

    Raises:
        CannotStart: a server, perhaps in another container, still runs in the folder.
    """
    with (folder / FILE).open("a") as file:
        if not wait_until(lambda: _is_locked(file), patience):
            raise CannotStart(f"another server still runs in {folder} and holds {folder / FILE}: stop it first")
        yield file


def _is_locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
